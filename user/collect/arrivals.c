// SPDX-License-Identifier: BSD-3-Clause
#include "collect/arrivals.h"

#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>

#include "collect/identity.h"

struct arrivals {
	struct identities *identities;
	struct ring_buffer *ring;
};

static int arrival(void *ctx, void *data, size_t size)
{
	struct identities *t = ctx;
	const struct identity *row;
	u32 id;

	if (size < sizeof(id))
		return 0;
	memcpy(&id, data, sizeof(id));
	row = table_row(&t->tables->identities, id);
	if (row && __atomic_load_n(&t->tables->states[id].live, __ATOMIC_ACQUIRE))
		identity_look_up(row, &t->lookups);
	return 0;
}

struct arrivals *arrivals_new(struct identities *identities)
{
	int fd = tables_fd(identities->tables, "new_identities");
	struct arrivals *a = fd < 0 ? NULL : calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->identities = identities;
	a->ring = ring_buffer__new(fd, arrival, identities, NULL);
	if (a->ring)
		return a;
	free(a);
	return NULL;
}

void arrivals_free(struct arrivals *a)
{
	if (!a)
		return;
	ring_buffer__free(a->ring);
	free(a);
}

int arrivals_fd(const struct arrivals *a)
{
	return ring_buffer__epoll_fd(a->ring);
}

void arrivals_read(struct arrivals *a, u64 now_ns)
{
	identities_set_now(a->identities, now_ns);
	ring_buffer__consume(a->ring);
}
