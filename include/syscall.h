/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The syscall family's contract between kernel side and user side. */
#ifndef SEISMO_SYSCALL_H
#define SEISMO_SYSCALL_H

#define SYSCALLS	    512
#define SYSCALL_OTHER	    (SYSCALLS - 1) /* higher numbers, and those of 32-bit processes */
#define SYSCALL_UNKNOWN	    (SYSCALLS - 2) /* calls that the kernel did not tell the program of */
#define SYSCALL_ERRNO_SHIFT 16		   /* in the dimension of errors: errno above the number */

#define SYSCALL_CLASSES 16

/* Flags in the class byte. */
#define SYSCALL_SLOW	  0x10 /* the slowest are told as events ... */
#define SYSCALL_FILE	  0x20 /* ... only of files: the first argument is a descriptor */
#define SYSCALL_FORKS	  0x40 /* returns 0 in the child, which made no call */
#define SYSCALL_TAIL_CALL 0x80 /* sys_exit_tail_calls may have a program for this number */

#endif
