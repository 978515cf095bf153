// SPDX-License-Identifier: BSD-3-Clause
// Servers of few words, where Debian has none of the kind: `node servers.js SERVER` prints its port, and on SIGUSR1 how many errors and
// other answers it has given, "ok NUMBER" and "error NUMBER".
'use strict'

const net = require('net')
const counts = { ok: 0, error: 0 }

// Calls back with each message, of which `length` tells how long it is from its first bytes, or 0 if these are too few.
function messages(socket, length, answer) {
	let bytes = Buffer.alloc(0)
	socket.on('error', () => {})
	socket.on('data', data => {
		bytes = Buffer.concat([bytes, data])
		for (let n; (n = length(bytes)) && n <= bytes.length; bytes = bytes.subarray(n))
			answer(bytes.subarray(0, n))
	})
}

function mongodb(socket) {
	const { BSON } = require('mongodb')
	const processId = new BSON.ObjectId()
	const about = () => ({
		ismaster: true, helloOk: true, topologyVersion: { processId, counter: BSON.Long.ZERO },
		maxWireVersion: 21, minWireVersion: 0, maxBsonObjectSize: 1 << 24, maxWriteBatchSize: 1000, maxMessageSizeBytes: 48000000, ok: 1,
	})
	const reply = command => {
		if ('hello' in command || 'ismaster' in command || 'isMaster' in command)
			return about()
		if ('fail' in command)
			return { ok: 0, errmsg: 'no', code: 59 }
		if ('insert' in command)
			return { n: 0, writeErrors: [{ index: 0, code: 11000, errmsg: 'is there' }], ok: 1 }
		if ('find' in command || 'aggregate' in command)
			return { cursor: { id: BSON.Long.ZERO, ns: 'a.b', firstBatch: [{ n: 3, text: 'x'.repeat(20000) }] }, ok: 1 }
		return { ok: 1 }
	}
	let number = 0
	const send = (to, op, before, document) => {
		const body = Buffer.concat([before, BSON.serialize(document)])
		const head = Buffer.alloc(16)
		;[16 + body.length, ++number, to, op].forEach((word, i) => head.writeInt32LE(word, 4 * i))
		if (!socket.destroyed)
			socket.write(Buffer.concat([head, body]))
		return number
	}
	messages(socket, bytes => bytes.length < 4 ? 0 : bytes.readInt32LE(0), message => {
		const request = message.readInt32LE(4)
		if (message.readInt32LE(12) === 2004) {
			counts.ok++
			send(request, 1, Buffer.from('0800000000000000000000000000000001000000', 'hex'), about())
			return
		}
		const flags = message.readInt32LE(16)
		const size = message.readInt32LE(21)
		const command = BSON.deserialize(message.subarray(21, 21 + size))
		if ('endSessions' in command) // whose client does not wait
			return
		const document = reply(command)
		const more = Boolean(flags & 0x10000) // a client that waits for changes, of which there are none
		const tell = to => {
			const sent = send(to, 2013, Buffer.from(more ? '0200000000' : '0000000000', 'hex'), document)
			if (more && !socket.destroyed)
				setTimeout(tell, 200, sent)
		}
		setTimeout(() => {
			counts[document.ok && !document.writeErrors ? 'ok' : 'error']++
			tell(request)
		}, more ? 200 : 20)
	})
}

function cassandra(socket) {
	const string = text => Buffer.concat([Buffer.from([text.length >> 8, text.length]), Buffer.from(text)])
	const int = n => { const bytes = Buffer.alloc(4); bytes.writeInt32BE(n); return bytes }
	const value = bytes => Buffer.concat([int(bytes.length), bytes])
	const types = { text: [0x0d], uuid: [0x0c], inet: [0x10], set: [0x22, 0, 0x0d] }
	const columns = list => list.map(([name, type]) => Buffer.concat([string(name), Buffer.from([0, ...types[type]])]))
	const rows = (list, values) => Buffer.concat([int(2), int(1), int(list.length), string('a'), string('b'), ...columns(list),
		int(values.length), ...values.flat().map(value)])
	const local = [['key', 'text'], ['data_center', 'text'], ['rack', 'text'], ['release_version', 'text'], ['tokens', 'set'],
		['host_id', 'uuid'], ['schema_version', 'uuid'], ['partitioner', 'text'], ['rpc_address', 'inet'], ['cluster_name', 'text']]
	const uuid = Buffer.alloc(16, 7)
	const answers = {
		1: () => [2, Buffer.alloc(0)],
		5: () => [6, Buffer.from([0, 0])],
		11: () => [2, Buffer.alloc(0)],
		9: () => [8, Buffer.concat([int(4), string('abcd'), int(1), int(1), int(0), string('a'), string('c'), ...columns([['d', 'text']]),
			int(4), int(0)])],
		7: body => {
			const text = body.subarray(4, 4 + body.readInt32BE(0)).toString()
			if (text.includes('fail'))
				return [0, Buffer.concat([int(0x2200), string('no')])]
			if (text.includes('system.local'))
				return [8, rows(local, [[Buffer.from('local'), Buffer.from('here'), Buffer.from('one'), Buffer.from('4.0.0'),
					Buffer.concat([int(1), value(Buffer.from('1'))]), uuid, uuid,
					Buffer.from('org.apache.cassandra.dht.Murmur3Partitioner'), Buffer.from([127, 0, 0, 1]), Buffer.from('mix')]])]
			if (text.includes('system'))
				return [8, rows([['peer', 'inet']], [])]
			return [8, rows([['d', 'text']], [[Buffer.alloc(5000, 'x')]])]
		},
		10: () => [8, rows([['d', 'text']], [[Buffer.from('x')]])],
	}
	messages(socket, bytes => bytes.length < 9 ? 0 : 9 + bytes.readInt32BE(5), message => {
		const version = message[0]
		const [op, body] = version > 4 ? [0, Buffer.concat([int(0x0a), string('Invalid or unsupported protocol version (5); the lowest supported version is 3 and the greatest is 4')])] : answers[message[4]](message.subarray(9))
		const head = Buffer.concat([Buffer.from([0x80 | Math.min(version, 4), 0, message[2], message[3], op]), int(body.length)])
		setTimeout(() => {
			counts[op ? 'ok' : 'error']++
			socket.write(Buffer.concat([head, body]))
		}, 20)
	})
}

function grpc() {
	const grpc = require('@grpc/grpc-js')
	const same = bytes => bytes
	const server = new grpc.Server()
	const path = name => ({ path: `/mix.Mix/${name}`, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same })
	const status = text => Number(text) ? { code: Number(text), details: 'as asked' } : null
	server.addService({
		call: { ...path('Call'), requestStream: false, responseStream: false },
		stream: { ...path('Stream'), requestStream: false, responseStream: true },
	}, {
		call: ({ request }, done) => setTimeout(() => done(status(request), Buffer.from('yes')), 20),
		stream: messages => {
			for (let i = 0; i < 3; i++)
				messages.write(Buffer.alloc(20000))
			const error = status(messages.request)
			if (error)
				messages.emit('error', error)
			else
				messages.end()
		},
	})
	server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => console.log(port))
}

const servers = { mongodb, cassandra }
process.on('SIGUSR1', () => console.log(`ok ${counts.ok}\nerror ${counts.error}`))
if (process.argv[2] === 'grpc') {
	grpc()
} else {
	const server = net.createServer({ noDelay: true }, servers[process.argv[2]])
	server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}
