"""Channels: the ways a message can leave us, one file each. `notifications.channels.protocol` is where to start."""
