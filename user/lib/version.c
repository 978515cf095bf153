// SPDX-License-Identifier: BSD-3-Clause
#include "lib/version.h"

#include "version_gen.h"

const char version[] = VERSION;
const char version_commit[] = COMMIT;
