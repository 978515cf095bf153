/* All probe families in the order in which they start, one row each. */
PROBE(core)
PROBE(syscall)
PROBE(block)
PROBE(tcp)
PROBE(request)
PROBE(tls)
PROBE(process)
PROBE(memory)
