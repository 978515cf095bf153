// SPDX-License-Identifier: BSD-3-Clause
/* Lines, links and arguments from /proc with any bytes. */
#include <stdlib.h>
#include <string.h>

#include "service/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proc_listener listener;
	char *text = malloc(size + 1);
	const char *base;
	size_t len;
	u64 inode;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (proc_listener_parse(text, &listener) && listener.port > 65535)
		abort();
	proc_socket_parse(text, &inode);
	len = proc_argv0((const char *)data, size, &base);
	if (size && (base < (const char *)data || base + len > (const char *)data + size))
		abort();
	if (len && (memchr(base, '/', len) || memchr(base, ' ', len)))
		abort();
	proc_auxv_execfn(data, size);
	len = proc_title(text, size, &base);
	if (len && (base < text || base + len > text + size))
		abort();
	free(text);
	return 0;
}
