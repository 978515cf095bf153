/* Every probe family, a row each, in the order in which they start. */
PROBE(core)
PROBE(syscall)
PROBE(block)
PROBE(tcp)
PROBE(request)
PROBE(process)
PROBE(memory)
