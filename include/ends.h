/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The two ends of a connection. */
#ifndef SEISMO_ENDS_H
#define SEISMO_ENDS_H

#include "types.h"

struct ends {
	u16 family; /* AF_INET, AF_INET6; anything else has no addresses here, 0: not known */
	u16 port, local_port;
	u8 remote[16], local[16]; /* as the family has them */
};

#endif
