/* SPDX-License-Identifier: BSD-3-Clause */
/* Content negotiation: what a client's Accept headers ask for. NULL stands for a header that was not sent. */
#ifndef EXPO_ACCEPT_H
#define EXPO_ACCEPT_H

#include "expo/expo.h"

/*
 * The format the client likes best; between equals a named type beats a wildcard, then the first one wins.
 * Never NULL: the text format where nothing fits, as with Prometheus' own servers.
 */
const struct expo_format *accept_format(const char *accept);
bool accept_gzip(const char *accept_encoding);

#endif
