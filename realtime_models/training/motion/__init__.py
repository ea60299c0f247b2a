"""How the motion model's weights are made. Nothing here runs in a session.

Real lips (GRID) teach the shape of the movement; speech with known phone times teaches every other
voice and sound. In this order, each a module with `--help`:

    calibrate    renders of our faces -> how their lips answer to the axes (rendered_lips.json)
    synthesise   flite, festival, espeak-ng -> speech with phone times, in many voices
    annotate     phone times for recordings whose words are known (GRID, speechocean762)
    prepare      all of it, disturbed in many ways -> features and target mouths
    train        -> motion.safetensors and motion.json
    read_out     a model, lips of many speakers -> the same with a read-out that fits them all
    evaluate     clips, speakers and voices that training never saw -> figures

natural.csv lists where the other people's recordings that the default pack was last trained on are
published; LJ Speech's TextGrids are those of SitholeDavid/masters-final.

Needs these Debian packages: espeak-ng flite festival festvox-us-slt-hts festvox-kdlpc16k.
"""
