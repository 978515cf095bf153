/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of a program, or of the script that an interpreter runs: what tells it from another one at the same path. */
#ifndef EVENT_PROGRAM_FILE_H
#define EVENT_PROGRAM_FILE_H

#include <stdbool.h>

#include "types.h"

#define BUILD_ID_MAX	  20 /* bytes; of a longer one the first */
#define PROGRAM_PATH_SIZE 1024

struct program_file {
	u64 inode, size, mtime_ns;
	u32 device;	 /* as the kernel numbers it inside; 0: not known */
	s64 run_wall_ns; /* when it was run; 0: not known */
	u8 build_id_len; /* 0: it has none, or is not known */
	unsigned char build_id[BUILD_ID_MAX];
};

/*
 * Reads both about the executable of this process, its device aside: the kernel numbers files of some file systems otherwise
 * inside. They may be on a disk that hangs. False: it has gone.
 */
bool program_file_executable(u32 pid, struct program_file *ret);
/* The same, without a build id, of the script that it runs, by its base name; and where that is, as seen from here. */
bool program_file_script(u32 pid, const char *base, struct program_file *ret,
			 char path[PROGRAM_PATH_SIZE]);

#endif
