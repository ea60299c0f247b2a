"""GLSL: one small program per material. A single one that branches costs twice as much here.

Colours are linear until `film`. A material reads the named light of `LIGHT`, which is fixed: one
soft key from the upper left, a wide fill, a faint rim, and a hemisphere for the rest.
"""

from __future__ import annotations

VERTEX = """#version 330
in vec3 in_pos; in vec3 in_nrm; in vec2 in_uv; in float in_ao;
uniform mat4 view_projection; uniform mat4 light_projection;
out vec3 P; out vec3 N; out vec2 uv; out float ao; out vec3 S;
void main() {
  P = in_pos; N = in_nrm; uv = in_uv; ao = in_ao;
  S = (light_projection * vec4(in_pos, 1)).xyz * .5 + .5;
  gl_Position = view_projection * vec4(in_pos, 1);
}"""

SHADOW_VERTEX = """#version 330
in vec3 in_pos; in vec2 in_uv;
uniform mat4 light_projection;
out vec2 uv;
void main() { uv = in_uv; gl_Position = light_projection * vec4(in_pos, 1); }"""

SHADOW_FRAGMENT = """#version 330
in vec2 uv;
uniform sampler2D tex; uniform float cut;
void main() { if (cut > 0. && texture(tex, uv).a < cut) discard; }"""

SCREEN_VERTEX = """#version 330
in vec2 in_v;
out vec2 q;
void main() { q = in_v * .5 + .5; gl_Position = vec4(in_v, .99999, 1); }"""

# Constant along the left and right edges, so that a picture can be widened by repeating them.
BACKDROP_FRAGMENT = """#version 330
in vec2 q; out vec4 o;
uniform vec3 top, bottom, glow;
void main() {
  vec3 c = mix(bottom, top, smoothstep(-.05, 1.05, q.y));
  float x = max(0., 1. - pow(abs(q.x - .5) / .46, 2.));
  float y = exp(-pow((q.y - .52) / .42, 2.));
  o = vec4(c + glow * x * x * y, 1);
}"""

RESOLVE_FRAGMENT = """#version 330
in vec2 q; out vec4 o;
uniform sampler2D src;
void main() { o = vec4(texture(src, q).rgb, 1); }"""

_COMMON = """#version 330
in vec3 P; in vec3 N; in vec2 uv; in float ao; in vec3 S;
out vec4 o;
uniform sampler2D tex; uniform sampler2D noise; uniform sampler2DShadow shadow_map;
uniform vec3 camera; uniform mat4 head_inverse; uniform vec3 mouth;
uniform vec3 key_dir, fill_dir, rim_dir, key, fill, rim, sky, ground;
uniform float exposure; uniform vec3 tint; uniform float mean;

vec3 lin(vec3 c) { return c * c * (c * .3 + .7); }  // close to pow(c, 2.2)
float grey(vec3 c) { return dot(c, vec3(1. / 3.)); }

const vec2 TAPS[8] = vec2[](vec2(-.33, -.94), vec2(.55, -.68), vec2(-.84, -.25), vec2(.12, -.22),
  vec2(.92, .05), vec2(-.43, .36), vec2(.40, .55), vec2(-.22, .95));
float shadow(vec3 n) {
  float bias = .0016 + .004 * (1. - clamp(dot(n, key_dir), 0., 1.));
  float lit = 0.;
  for (int i = 0; i < 8; i++) lit += texture(shadow_map, vec3(S.xy + TAPS[i] * .011, S.z - bias));
  return lit / 8.;
}
float ggx(vec3 n, vec3 v, vec3 l, float roughness) {
  vec3 h = normalize(v + l);
  float nh = max(dot(n, h), 0.), nv = max(dot(n, v), .05), nl = max(dot(n, l), 0.);
  float lh = max(dot(l, h), 0.), a = roughness * roughness, a2 = a * a;
  float d = nh * nh * (a2 - 1.) + 1., k = a * .5 + .05;
  float V = 1. / ((nl * (1. - k) + k) * (nv * (1. - k) + k) * 4.);
  return a2 / (3.1416 * d * d) * V * (.028 + .972 * pow(1. - lh, 5.)) * nl;
}
vec3 wrapped(float d, vec3 w) {  // light that bleeds round the terminator, more in red
  vec3 x = clamp((vec3(d) + w) / (1. + w), 0., 1.);
  return x * x * (1. + .35 * w);
}
vec3 hemisphere(vec3 n) { return mix(ground, sky, n.y * .5 + .5); }
vec3 film(vec3 c) {  // https://knarkowicz.wordpress.com/2016/01/06/aces-filmic-tone-mapping-curve/
  c *= exposure;
  c = c * (2.51 * c + .03) / (c * (2.43 * c + .59) + .14);
  return pow(clamp(c, 0., 1.), vec3(1. / 2.2));
}
"""

_SKIN = """
uniform float redness, saturation, oil, lip_strength, dark;
uniform vec3 skin_tone, lip_tint, blush, eye_left, eye_right; uniform vec4 stubble;
void main() {
  vec4 t = texture(tex, uv);
  vec3 n = normalize(N), v = normalize(camera - P);
  vec3 local = (head_inverse * vec4(P, 1)).xyz, q = local - mouth;
  if (!gl_FrontFacing) n = -n;
  vec3 albedo = lin(t.rgb);
  float ring = length((uv - vec2(.9105, .4835)) / vec2(.024, .040));
  float lips = smoothstep(1.25, .75, ring)
    * max(smoothstep(.03, .12, t.r - .5 * (t.g + t.b) - redness), dark);
  float fine = texture(noise, uv * 11.).g - .5, broad = texture(noise, uv * 1.3).r - .5;
  albedo = mix(vec3(dot(albedo, vec3(.35, .5, .15))), albedo, saturation) * tint;
  // The textures' lids are red as if sore.
  vec2 socket = (local.xy - (local.x > 0. ? eye_left : eye_right).xy) / vec2(.32, .26);
  float around = exp(-dot(socket, socket) * dot(socket, socket));
  float luma = dot(albedo, vec3(.35, .5, .15));
  albedo = mix(albedo, luma / dot(skin_tone, vec3(.35, .5, .15)) * skin_tone, .65 * around);
  albedo *= 1. + .07 * fine * (1. - lips) + .05 * broad;
  albedo = mix(albedo, albedo * lip_tint, lips * lip_strength);
  vec2 cheek = (vec2(abs(q.x), q.y) - vec2(.48, .42)) / vec2(.25, .22);
  albedo *= mix(vec3(1), blush, exp(-dot(cheek, cheek)) * (1. - lips));
  float jaw = smoothstep(.22, -.02, q.y - .25 * abs(q.x)) * smoothstep(-.95, -.55, q.y)
    * smoothstep(-1.25, -.75, q.z) * (1. - lips) * smoothstep(.30, .62, ring);
  albedo = mix(albedo, albedo * stubble.rgb, stubble.a * jaw * (1. + 1.2 * fine));

  float height = fine * .0012 + grey(t.rgb) * .005;  // pores, and the texture's own relief
  vec3 dpx = dFdx(P), dpy = dFdy(P), r1 = cross(dpy, n), r2 = cross(n, dpx);
  float det = dot(dpx, r1);
  vec3 slope = sign(det) * (dFdx(height) * r1 + dFdy(height) * r2);
  vec3 nb = normalize(abs(det) * n - slope), ns = normalize(mix(n, nb, .6));

  float sh = shadow(n);
  vec3 lit = vec3(pow(sh, .65), sh, pow(sh, 1.1));  // red leaks into the shadow's edge
  float A = mix(1., ao, .78);
  vec3 open = pow(vec3(A), vec3(.88, 1., 1.04));
  float depth = max(0., mouth.z - .02 - local.z);
  float inside = clamp(step(.74, uv.x) * step(uv.y, .16)
    + step(uv.x, .16) * step(.52, uv.y) * step(uv.y, .65), 0., 1.);
  float cavity = mix(1., mix(.60, .07, smoothstep(0., .5, depth)), inside);
  A *= cavity; open *= cavity;
  vec3 w = vec3(.36, .20, .14);
  vec3 direct = key * wrapped(dot(nb, key_dir), w) * lit
    + fill * wrapped(dot(nb, fill_dir), w) * open
    + rim * wrapped(dot(n, rim_dir), w * .3) * open * open;
  vec3 c = albedo * (direct * mix(1., A, .35) + hemisphere(n) * open);
  float shine = oil * (1. - .35 * smoothstep(.25, .6, abs(q.x))) * (1. + lips * .9);
  float rough = mix(.48, .34, lips);
  vec3 gloss = key * sh * (ggx(ns, v, key_dir, rough) * .8 + ggx(ns, v, key_dir, rough * .66) * .2)
    + fill * ggx(ns, v, fill_dir, rough) * .8 + rim * ggx(n, v, rim_dir, .5) * A * A * .6
    + sky * .25 * pow(1. - max(dot(n, v), 0.), 5.) * A * A * smoothstep(-.5, .3, n.y);
  c += gloss * 3.1416 * shine * A * cavity;
  c = mix(c, c * vec3(.75, .18, .14), inside * .5);
  o = vec4(film(c), 1);
}"""

_EYE = """
uniform vec3 eye_left, eye_right; uniform float eye_radius; uniform float iris;
void main() {
  bool cornea = uv.x > .84 && uv.y < .16;
  if (cornea != (CORNEA == 1)) discard;
  vec3 n = normalize(N), v = normalize(camera - P), local = (head_inverse * vec4(P, 1)).xyz;
  if (!gl_FrontFacing) n = -n;
  vec3 centre = local.x > 0. ? eye_left : eye_right;
  float up = (local.y - centre.y) / eye_radius, side = abs(local.x - centre.x) / eye_radius;
  float lid = mix(.42, 1., smoothstep(.62, -.05, up)) * mix(.7, 1., smoothstep(-.75, -.3, up))
    * mix(.62, 1., smoothstep(1.02, .45, side));
  if (CORNEA == 1) {
    vec3 R = reflect(-v, n);
    float box = smoothstep(.955, .985, dot(R, key_dir)) * 1.6
      + smoothstep(.90, .96, dot(R, fill_dir)) * .20;
    float fresnel = .03 + .5 * pow(1. - max(dot(n, v), 0.), 4.);
    vec3 c = key * box * .42 * lid + sky * (.045 * smoothstep(-.1, .8, R.y) + fresnel * .25) * lid;
    o = vec4(film(c), clamp(max(c.r, max(c.g, c.b)) * 1.1, 0., 1.));
    return;
  }
  vec4 t = texture(tex, uv);
  vec3 albedo = lin(t.rgb);
  float l = grey(albedo);
  float colour = max(t.r, max(t.g, t.b)) - min(t.r, min(t.g, t.b));
  albedo = mix(vec3(l), albedo, .62) * .9;
  albedo *= 1. - .42 * (1. - iris) * smoothstep(.08, .25, colour);
  albedo = mix(albedo, l * tint * 2.2, smoothstep(.12, .3, colour) * .75 * iris);
  vec3 c = albedo * (key * wrapped(dot(n, key_dir), vec3(.5)) * mix(.45, 1., shadow(n)) * .9
    + fill * wrapped(dot(n, fill_dir), vec3(.5)) + hemisphere(n)) * lid * .95;
  c += key * ggx(n, v, key_dir, .25) * lid * .8;
  o = vec4(film(c), 1);
}"""

_MOUTH = """
void main() {
  vec4 t = texture(tex, uv);
  vec3 n = normalize(N), v = normalize(camera - P), local = (head_inverse * vec4(P, 1)).xyz;
  if (!gl_FrontFacing) n = -n;
  vec3 albedo = lin(t.rgb) * tint;
  if (TEETH == 1) {
    float gum = smoothstep(.06, .16, t.r - t.g);
    vec3 enamel = mix(albedo, vec3(grey(albedo)) * vec3(1., .965, .89), .5) * 1.3;
    albedo = mix(enamel, albedo * vec3(.80, .48, .44), gum);
  }
  float depth = max(0., mouth.z - .01 - local.z);
  float cavity = mix(.95, .10, smoothstep(-.02, TEETH == 1 ? .55 : .60, depth))
    * mix(1., .55, smoothstep(.12, .30, abs(local.x - mouth.x)));
  float sh = mix(.45, 1., shadow(n));
  vec3 c = albedo * (key * wrapped(dot(n, key_dir), vec3(.5, .4, .35)) * sh
    + fill * wrapped(dot(n, fill_dir), vec3(.5)) + hemisphere(n)) * cavity;
  c += (key * sh * ggx(n, v, key_dir, TEETH == 1 ? .22 : .34) + fill * ggx(n, v, fill_dir, .3))
    * cavity * 1.5;
  c = mix(c, c * vec3(.9, .55, .5), TEETH == 1 ? (1. - cavity) * .45 : .15);
  o = vec4(film(c), 1);
}"""

_HAIR = """
uniform vec3 head_centre; uniform float contrast, edge, gloss;
void main() {
  vec4 t = texture(tex, uv);
  vec3 n = normalize(N), v = normalize(camera - P);
  // Strands that are seen edge-on would draw a dashed outline.
  float alpha = smoothstep(.30, .85, t.a) * smoothstep(0., edge, abs(dot(n, v)));
  if (BLEND == 0 ? alpha < .9 : alpha < .02) discard;
  if (dot(n, v) < 0.) n = -n;
  vec3 out_ = normalize(P - head_centre);
  n = normalize(mix(n, out_, .45));
  // Strands: the texture against its own blur, so that painted highlights do not matter.
  float sharp = grey(texture(tex, uv, -1.).rgb), soft = grey(texture(tex, uv, 4.).rgb);
  float strand = clamp((sharp + .02) / (soft + .02), .3, 1.6);
  float l = mix(1., clamp(grey(lin(t.rgb)) / mean, 0., 2.), contrast) * mix(1., strand, .6);
  vec3 albedo = tint * (.25 + .75 * l);
  vec3 up = normalize(vec3(0, 1, .25)), flow = normalize(up - n * dot(up, n) + 1e-4);
  float sh = shadow(n), self = smoothstep(-1.2, 1., out_.y) * .5 + .5, shift = (l - 1.) * .12;
  vec3 h = normalize(v + key_dir);
  float a = dot(normalize(flow + n * (.06 + shift)), h);
  float b = dot(normalize(flow + n * (-.12 + shift)), h);
  float s1 = pow(max(0., 1. - a * a), 60.), s2 = pow(max(0., 1. - b * b), 14.);
  float dk = max(0., dot(n, key_dir) * .65 + .35), df = max(0., dot(n, fill_dir) * .6 + .4);
  float dr = pow(max(0., dot(n, rim_dir) * .7 + .3), 1.5);
  vec3 c = albedo * (key * dk * mix(.25, 1., sh) + fill * df + hemisphere(n)) * self
    + (key * sh * gloss * (s1 * .05 + s2 * .30 * albedo * 2.) * dk * l * l
    + rim * dr * (albedo * 1.2 + .02)) * self;
  o = vec4(film(c), BLEND == 0 ? 1. : alpha);
}"""

_STRANDS = """
uniform float opacity;
void main() {
  vec4 t = texture(tex, uv);
  float alpha = t.a * opacity;
  if (alpha < .02) discard;
  vec3 albedo = tint * (.5 + 3. * grey(lin(t.rgb)));
  o = vec4(film(albedo * (key * mix(.5, 1., shadow(normalize(N))) * .6 + fill * .5 + sky * .5)),
    alpha);
}"""

_CLOTH = """
uniform float contrast;
void main() {
  vec4 t = texture(tex, uv);
  vec3 n = normalize(N), v = normalize(camera - P);
  if (!gl_FrontFacing) n = -n;
  float l = grey(lin(t.rgb)) / mean;
  vec3 albedo = tint * clamp(mix(1., l, contrast), .5, 4.);
  albedo *= .94 + .12 * texture(noise, uv * 7.).r;
  vec3 c = albedo * (key * max(0., dot(n, key_dir) * .85 + .15) * shadow(n)
    + fill * max(0., dot(n, fill_dir) * .7 + .3) + rim * max(0., dot(n, rim_dir))
    + hemisphere(n));
  c += sky * albedo * .35 * pow(1. - max(dot(n, v), 0.), 3.);
  o = vec4(film(c), 1);
}"""

FRAGMENTS: dict[str, str] = {
    "skin": _COMMON + _SKIN,
    "eye": _COMMON + _EYE.replace("CORNEA", "0"),
    "cornea": _COMMON + _EYE.replace("CORNEA", "1"),
    "teeth": _COMMON + _MOUTH.replace("TEETH", "1"),
    "tongue": _COMMON + _MOUTH.replace("TEETH", "0"),
    "hair": _COMMON + _HAIR.replace("BLEND", "0"),
    "hair_edge": _COMMON + _HAIR.replace("BLEND", "1"),
    "strands": _COMMON + _STRANDS,
    "cloth": _COMMON + _CLOTH,
}
"""Material name -> fragment shader, to be linked with VERTEX."""

LIGHT: dict[str, tuple[float, float, float]] = {
    "key_dir": (-0.50, 0.52, 0.80),
    "fill_dir": (0.80, 0.12, 0.62),
    "rim_dir": (0.5, 0.6, -0.8),
    "key": (1.00, 0.94, 0.88),
    "fill": (0.30, 0.305, 0.32),
    "rim": (0.38, 0.39, 0.42),
    "sky": (0.29, 0.30, 0.32),
    "ground": (0.19, 0.16, 0.145),
}
"""The studio. Directions point to the light; they are normalised where they are set."""
