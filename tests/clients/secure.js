// SPDX-License-Identifier: BSD-3-Clause
// HTTP inside the TLS of Node.js. `secure.js server CERTIFICATE KEY` prints its port and answers after as many milliseconds as the query's
// "ms" says, and asks for a certificate. `secure.js client CERTIFICATE KEY N URL...` asks each N times on a connection, and prints what it
// was answered, "200 NUMBER", and "longest SECONDS"; with `renegotiate` for `client`, in TLS 1.2, it shakes hands again before each request
// but the first.
'use strict';
const fs = require('fs');
const https = require('https');
const tls = require('tls');

const [role, cert, key, number, ...urls] = process.argv.slice(2);
const identity = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const times = [];

function serve() {
	const server = https.createServer({ ...identity, requestCert: true, rejectUnauthorized: false }, (request, response) => {
		const ms = Number(new URL(request.url, 'https://localhost').searchParams.get('ms'));
		request.resume();
		setTimeout(() => response.end('x'.repeat(100)), ms);
	});
	server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}

async function ask(url) {
	const agent = new https.Agent({ ...identity, keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
	for (let i = 0; i < number; i++) {
		const began = performance.now();
		await new Promise((resolve, reject) => https.get(url, { agent, family: 4 }, response => {
			response.resume();
			response.on('end', resolve);
		}).on('error', reject));
		times.push(performance.now() - began);
	}
	agent.destroy();
}

async function renegotiate(url) {
	const { hostname, port, pathname, search } = new URL(url);
	const socket = tls.connect({ host: hostname, port, family: 4, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
	await new Promise(resolve => socket.once('secureConnect', resolve));
	for (let i = 0; i < number; i++) {
		if (i)
			await new Promise((resolve, reject) => socket.renegotiate({ rejectUnauthorized: false },
				error => error ? reject(error) : resolve()));
		const began = performance.now();
		socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
		await new Promise(resolve => socket.once('data', resolve));
		times.push(performance.now() - began);
	}
	socket.end();
}

async function askAll(way) {
	for (const url of urls)
		await way(url);
	console.log(`200 ${times.length}\nlongest ${Math.max(...times) / 1e3}`);
}

if (role === 'server')
	serve();
else
	askAll(role === 'renegotiate' ? renegotiate : ask);
