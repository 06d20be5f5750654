"""The update engine: events become marks, marked passes are compared with what was shown, and who must know is told.

    hearing   an event of the outbox marks the passes of its member
    sweeping  a changed set-up marks all passes of the programme, a page at a time
    claiming  due marks are taken under a lease, programme by programme, and settled by who still holds them
    looking   faces are made and compared; those that changed get the programme's next revision
    lanes     one for each platform: claim, look, tell with no transaction open, record
    updater   all of it, as one part of a worker

A pass whose platform was not told yet is known by `pushed_revision < revision`: what a worker that died had in hand is
told by the next one, once its lease is over.
"""
