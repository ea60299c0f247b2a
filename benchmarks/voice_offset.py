"""How far is the voice in the virtual microphone from the lips on the virtual camera?

    python -m benchmarks.voice_offset --minutes 10

Speech is played into a PulseAudio sink without a sound card; `latentcam camera`'s own parts hear
its monitor, show a face and play the voice into the virtual microphone, from which `parec` records
as a meeting app does. A picture counts from the moment it was given to the camera, sound from the
moment it was read from the microphone. What was heard is found in the recording by correlation,
twice a second; a picture shows the mouth at a known position of what was heard. The offset is
positive when the voice is late. The ceiling of the picture's part is half a tick: a picture stands
still while the voice goes on.

Needs a running PulseAudio or PipeWire (`--speech`: its sink to speak into, made by this).
"""

from __future__ import annotations

from stream.sound_devices import VOICE_RATE

SPEECH = "latentcam_speech"
WINDOW = VOICE_RATE // 2  # of the recording, searched for in what was heard
