"""Your own face: from a video or from photos of a person to an avatar pack of this person.

sources         files to pictures, upright, with a sentence for what cannot be read
pack_tracking   from tracked faces to the pack's axes, learned on the pack's own pictures
framing         where the pack shows faces, and how a picture is brought there
matting         the person without what is behind
person          all of these: a person's pictures with their axes
network         the pack's generator, frozen, and one that is free to learn
encoder, pivot  the latent in W+ that is most like the person
lender          the pack's face that wears a photo
motion_field    pictures moved as the generator moves
judges, tune    the training
stylise         the look of one picture, on a whole pack
made_pack       what was learned, as a pack
job             the process that the command line and the server start
"""
