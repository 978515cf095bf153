/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of builtin.yaml, which is part of the binary. */
#ifndef RULE_BUILTIN_H
#define RULE_BUILTIN_H

extern const char rule_builtin_start[], rule_builtin_end[];

#endif
