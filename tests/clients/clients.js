// SPDX-License-Identifier: BSD-3-Clause
// Real clients, one function each: `node clients.js CLIENT PORT [ARGUMENT]` prints what it was answered, a line "STATUS NUMBER" for
// each status, as the client itself knows it, "untimed NUMBER", those of them that wait for something to come, and "p50 SECONDS", the
// median of the times that it waited for answers.
'use strict'

const N = 20
const PATIENCE = 60000 // ms: a machine may be short of CPU
const counts = {}
const times = []
let untimed = 0

function answered(status, number = 1) {
	counts[status] = (counts[status] || 0) + number
}

async function timed(call) {
	const began = process.hrtime.bigint()
	try {
		return await call()
	} finally {
		times.push(Number(process.hrtime.bigint() - began) / 1e9)
	}
}

// A request and its answer; what is thrown is an error.
async function ask(call) {
	try {
		const result = await timed(call)
		answered('ok')
		return result
	} catch {
		answered('error')
	}
}

async function repeat(call, n = N) {
	for (let i = 0; i < n; i++)
		await call(i)
}

function event(emitter, name) {
	return new Promise((resolve, reject) => {
		emitter.once(name, resolve)
		if (name !== 'error')
			emitter.once('error', reject)
	})
}

const wait = ms => new Promise(resolve => setTimeout(resolve, ms))

// On a connection of its own.
function grpcClient(port) {
	const grpc = require('@grpc/grpc-js')
	const same = bytes => bytes
	const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
	const names = Object.fromEntries(Object.entries(grpc.status).map(([name, code]) => [code, name]))
	const call = text => timed(() => new Promise(resolve => {
		client.makeUnaryRequest('/mix.Mix/Call', same, same, Buffer.from(text), {}, error => {
			answered(names[error ? error.code : 0])
			resolve()
		})
	}))
	const stream = text => new Promise(resolve => {
		const messages = client.makeServerStreamRequest('/mix.Mix/Stream', same, same, Buffer.from(text))
		messages.on('data', () => {})
		messages.on('error', () => {})
		messages.on('status', ({ code }) => { answered(names[code]); resolve() })
	})
	return { call, stream, close: () => client.close() }
}

const clients = {
	// The client tells of each response itself, those included that it asked for on its own.
	async kafkajs(port) {
		const { Kafka, logLevel } = require('kafkajs')
		const kafka = new Kafka({ clientId: 'mix', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING,
			connectionTimeout: PATIENCE, requestTimeout: PATIENCE, retry: { retries: 0 } })
		const parts = [kafka.producer(), kafka.admin(), kafka.consumer({ groupId: 'mix', maxWaitTimeInMs: 100, sessionTimeout: PATIENCE })]
		const [producer, admin, consumer] = parts
		for (const part of parts)
			part.on(part.events.REQUEST, ({ payload }) => {
				answered('ok')
				if (['Fetch', 'JoinGroup', 'SyncGroup'].includes(payload.apiName))
					untimed++
				else
					times.push(payload.duration / 1e3)
			})
		await producer.connect()
		await repeat(i => producer.send({ topic: 'topic', acks: i % 2 ? 1 : -1, messages: [{ value: `message ${i}` }] }))
		await repeat(i => producer.send({ topic: 'topic', acks: 0, messages: [{ value: 'nobody tells' }] }), 5)
		answered('ok', -5) // which are not answered
		await admin.connect()
		await repeat(() => admin.fetchTopicOffsets('topic'), 5)
		await consumer.connect()
		await consumer.subscribe({ topics: ['topic'], fromBeginning: true })
		let cnt = 0
		await new Promise(resolve => consumer.run({ eachMessage: async () => ++cnt === N && resolve() }))
		for (const part of [consumer, admin, producer])
			await part.disconnect()
	},

	// One answers what the other asks for, after a while; nobody answers the rest.
	async nats(port) {
		const { connect } = require('nats')
		const [server, client] = [await connect({ port, timeout: PATIENCE }), await connect({ port, timeout: PATIENCE })]
		server.subscribe('slow', { callback: async (_, message) => { await wait(20); message.respond('yes') } })
		await ask(() => server.flush())
		await repeat(() => ask(() => client.request('slow', 'text', { timeout: PATIENCE })))
		answered('ok', 2) // the ping of each connection
		await repeat(() => ask(() => client.request('nobody', 'text', { timeout: PATIENCE })), 7)
		client.publish('slow.but.not.asked', 'text')
		for (const connection of [client, server])
			await ask(() => connection.flush())
		await client.close()
		await server.close()
	},

	async mqtt(port, version) {
		const client = require('mqtt').connect({ port, connectTimeout: PATIENCE, protocolVersion: Number(version), reconnectPeriod: 0 })
		await ask(() => event(client, 'connect'))
		let got = 0
		client.on('message', () => got++)
		await ask(() => client.subscribeAsync('open/#', { qos: 1 }))
		await repeat(() => ask(() => client.publishAsync('open/a', 'one', { qos: 1 })))
		await repeat(() => ask(() => client.publishAsync('open/a', 'two', { qos: 2 })))
		await repeat(() => client.publishAsync('open/a', 'unacknowledged'))
		if (version === '5')
			await repeat(() => ask(() => client.publishAsync('closed/a', 'refused', { qos: 1 })), 5)
		while (got < 3 * N)
			await wait(5)
		await ask(() => client.unsubscribeAsync('open/#'))
		await client.endAsync()
	},

	async amqplib(port) {
		const amqp = require('amqplib')
		const connection = await ask(() => amqp.connect({ hostname: '127.0.0.1', port }))
		const channel = await ask(() => connection.createConfirmChannel())
		answered('ok') // to confirm
		const { queue } = await ask(() => channel.assertQueue('', { exclusive: true }))
		await ask(() => channel.assertExchange('mix', 'fanout', { autoDelete: true }))
		await ask(() => channel.bindQueue(queue, 'mix', ''))
		await ask(() => channel.prefetch(5))
		for (let i = 0; i < N; i++)
			channel.publish('mix', '', Buffer.alloc(i * 1000, 'x'))
		await channel.waitForConfirms()
		let got = 0
		const { consumerTag } = await ask(() => channel.consume(queue, message => { got++; channel.ack(message) }))
		while (got < N)
			await wait(5)
		await ask(() => channel.cancel(consumerTag))
		await repeat(() => ask(() => channel.get(queue)))
		await repeat(async () => {
			const bad = await ask(() => connection.createChannel())
			bad.on('error', () => {})
			await ask(() => bad.checkQueue('there is none'))
		}, 5)
		await ask(() => channel.close())
		await ask(() => connection.close())
	},

	async mongodb(port) {
		const { MongoClient } = require('mongodb')
		const client = new MongoClient(`mongodb://127.0.0.1:${port}`, { retryWrites: false, connectTimeoutMS: PATIENCE, serverSelectionTimeoutMS: PATIENCE, monitorCommands: true })
		for (const event of ['commandSucceeded', 'commandFailed'])
			client.on(event, ({ duration }) => times.push(duration / 1e3))
		const rows = client.db('a').collection('b')
		await repeat(() => rows.find().toArray())
		await repeat(() => rows.countDocuments())
		await repeat(() => rows.insertOne({ a: 1 }).catch(() => {}), 7)
		await repeat(() => client.db('a').command({ fail: 1 }).catch(() => {}), 5)
		await Promise.all(Array.from({ length: N }, () => rows.findOne()))
		await client.close()
		untimed = 1 // the one that would tell of changes
	},

	async cassandra(port) {
		const { Client } = require('cassandra-driver')
		const client = new Client({ contactPoints: [`127.0.0.1:${port}`], localDataCenter: 'here', pooling: { heartBeatInterval: 0 },
			socketOptions: { connectTimeout: PATIENCE, readTimeout: PATIENCE } })
		await client.connect()
		await repeat(() => timed(() => client.execute('SELECT * FROM a.b')))
		await repeat(i => timed(() => client.execute('SELECT * FROM a.c WHERE d = ?', [`${i}`], { prepare: true })))
		await repeat(() => client.execute('SELECT fail').catch(() => {}), 7)
		await Promise.all(Array.from({ length: N }, () => client.execute('SELECT * FROM a.b')))
		await client.shutdown()
	},

	async ldapjs(port) {
		const client = require('ldapjs').createClient({ url: `ldap://127.0.0.1:${port}` })
		await event(client, 'connect')
		const call = (name, ...values) => new Promise((resolve, reject) => {
			client[name](...values, (error, result) => {
				if (error)
					return reject(error)
				if (name !== 'search')
					return resolve(result)
				result.on('error', reject)
				result.on('end', resolve)
			})
		})
		await ask(() => call('bind', 'cn=admin,dc=test', 'wrong'))
		await ask(() => call('bind', 'cn=admin,dc=test', 'secret'))
		await repeat(() => ask(() => call('search', 'dc=test', { scope: 'sub' })))
		await repeat(() => ask(() => call('search', 'dc=none', { scope: 'sub' })), 7)
		await repeat(i => ask(() => call('add', `ou=a${i},dc=test`, { ou: `a${i}`, objectClass: 'organizationalUnit' })), 5)
		await ask(() => call('add', 'ou=a1,dc=test', { ou: 'a1', objectClass: 'organizationalUnit' }))
		await repeat(i => ask(() => call('del', `ou=a${i},dc=test`)), 5)
		await Promise.all(Array.from({ length: N }, () => ask(() => call('search', 'dc=test', { scope: 'sub' }))))
		await call('unbind')
	},

	// It tells of a miss by null, which is no error.
	async memjs(port) {
		const client = require('memjs').Client.create(`127.0.0.1:${port}`, { retries: 0, timeout: PATIENCE / 1000, conntimeout: PATIENCE / 1000, logger: { log() {} } })
		await repeat(i => ask(() => client.set(`key${i}`, 'x'.repeat(i * 1000), { expires: 60 })))
		await repeat(i => ask(() => client.get(`key${i}`)))
		await repeat(() => ask(() => client.get('none')), 7)
		await repeat(() => ask(() => client.add('key1', 'is there', {})), 5)
		await repeat(() => ask(() => client.increment('key1', 1, {})), 5) // of what is no number
		client.close()
	},

	async mysql2(port) {
		const connection = await require('mysql2/promise').createConnection({ host: '127.0.0.1', port, user: 'root', connectTimeout: PATIENCE })
		await repeat(() => ask(() => connection.query('SELECT SLEEP(0.02)')))
		await repeat(() => ask(() => connection.query('SELECT * FROM nowhere.nothing')), 7)
		await repeat(() => ask(() => connection.query("SELECT REPEAT('x', 100000)")), 5)
		answered('ok') // prepared once
		await repeat(i => ask(() => connection.execute('SELECT ?, SLEEP(0.02)', [i])))
		await connection.end()
	},

	async pg(port) {
		const client = new (require('pg').Client)({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
		await client.connect()
		await repeat(() => ask(() => client.query('SELECT pg_sleep(0.02)')))
		await repeat(() => ask(() => client.query('SELECT * FROM nothing')), 7)
		await repeat(i => ask(() => client.query('SELECT $1::int, pg_sleep(0.02)', [i])))
		await repeat(i => ask(() => client.query({ name: 'prepared', text: 'SELECT 1 / $1::int', values: [i] })), 5)
		await client.end()
	},

	async ioredis(port) {
		const client = new (require('ioredis'))({ port, connectTimeout: PATIENCE, enableReadyCheck: false, disableClientInfo: true })
		await repeat(i => ask(() => client.set(`key${i}`, 'x'.repeat(i * 1000))))
		await repeat(() => ask(() => client.lpush('key1', 1)), 7)
		await repeat(() => ask(() => client.eval('local t = redis.call("TIME") repeat local n = redis.call("TIME") until (n[1] - t[1]) * 1000000 + n[2] - t[2] > 5000', 0)), 3 * N)
		await Promise.all(Array.from({ length: N }, (_, i) => ask(() => client.get(`key${i}`))))
		const results = await client.pipeline().set('a', 1).lpush('a', 2).get('a').exec()
		for (const [error] of results)
			answered(error ? 'error' : 'ok')
		await ask(() => client.quit())
	},

	async grpc(port) {
		const { call, stream, close } = grpcClient(port)
		await repeat(() => call('0'), 3 * N)
		for (let code = 1; code < 17; code++)
			await call(`${code}`)
		await Promise.all(Array.from({ length: N }, (_, i) => call(`${i % 17}`)))
		await repeat(() => stream('0'), 5)
		await repeat(() => stream('13'), 5)
		close()
	},

	// As those who measure load ask: many at a time, on several connections.
	async ghz(port) {
		const channels = Array.from({ length: 5 }, () => grpcClient(port))
		await Promise.all(Array.from({ length: 2 * N }, (_, i) => repeat(j => channels[i % 5].call(`${j === 4 ? i % 17 : 0}`), 5)))
		for (const { close } of channels)
			close()
	},
}

async function main([name, port, ...rest]) {
	await clients[name](Number(port), ...rest)
	for (const [status, cnt] of Object.entries(counts))
		if (cnt)
			console.log(status, cnt)
	if (untimed)
		console.log('untimed', untimed)
	if (times.length)
		console.log('p50', times.sort((a, b) => a - b)[times.length >> 1].toFixed(6))
}

main(process.argv.slice(2)).then(() => process.exit(0), error => { console.error(error); process.exit(1) })
