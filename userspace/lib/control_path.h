/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where recorders listen for requests: known to ownframe-record and to the ownframe command. */
#ifndef OWNFRAME_CONTROL_PATH_H
#define OWNFRAME_CONTROL_PATH_H

/* A socket for each camera, with the camera's name. Made by systemd-tmpfiles, see ownframe(1). */
#define CONTROL_DIR "/run/ownframe-control"
/* Who is in it may ask; the set-group-id folder hands it on to the sockets. */
#define CONTROL_GROUP "ownframe-control"
/* Beside a socket, what was asked for and shall outlive the recorder; no camera's name has a dot. */
#define CONTROL_STATE_EXT ".state"

#endif
