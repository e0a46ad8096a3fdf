// The official JavaScript client of Kite (npm kiteconnect) against the paper exchange:
//   node contract.mjs BASE_URL WS_URL
// Each part prints a line; the first that fails ends the run with exit code 1.
import assert from 'node:assert/strict';
import http from 'node:http';
import client from 'kiteconnect';

const [base, socket] = process.argv.slice(2);
const secret = 'paper_secret';
const { KiteConnect, KiteTicker } = client;
const kite = new KiteConnect({ api_key: 'paper_key', root: base, access_token: 'paper_token', timeout: 20000 });
const infy = { exchange: 'NSE', tradingsymbol: 'INFY', product: 'CNC', validity: 'DAY' };
const token = { infy: 408065, nifty: 256265, cds: 2001 * 256 + 3, bcd: 2101 * 256 + 6 };

// patient asks again where the exchange answers 429, as it does beyond 10 requests a second and 1 quote.
async function patient(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (e) {
      if (e?.message !== 'Too many requests') throw e;
      await new Promise((done) => setTimeout(done, 200));
    }
  }
}

async function refused(ask, type, message) {
  await assert.rejects(patient(ask), (e) => {
    assert.equal(e.error_type, type);
    assert.match(e.message, message);
    return true;
  });
}

async function control(path, body) {
  const answer = await fetch(`${base}/paper/${path}`, { method: 'POST', body: JSON.stringify(body) });
  const reply = await answer.json();
  assert.equal(reply.status, 'success', JSON.stringify(reply));
  return reply.data;
}

const price = (exchange, tradingsymbol, rupees) => control('price', { exchange, tradingsymbol, price: rupees });

// until waits for a value that is there in the end.
async function until(what, ask) {
  const deadline = Date.now() + 20000;
  for (;;) {
    const value = await ask();
    if (value) return value;
    assert.ok(Date.now() < deadline, `never: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const order = async (id) => (await patient(() => kite.getOrders())).find((o) => o.order_id === id);

const parts = {
  async session() {
    await control('kill_sessions', {});
    let told = false;
    kite.setSessionExpiryHook(() => { told = true; });
    await refused(() => kite.getProfile(), 'TokenException', /Incorrect `api_key` or `access_token`/);
    assert.ok(told);
    const { request_token } = await control('request_token', { api_key: 'paper_key' });
    const session = await patient(() => kite.generateSession(request_token, secret));
    assert.equal(session.user_id, 'AB1234');
    assert.ok(session.login_time instanceof Date);
    const profile = await patient(() => kite.getProfile());
    assert.equal(profile.user_id, 'AB1234');
    await refused(() => kite.generateSession(request_token, secret), 'TokenException', /invalid or has expired/);
  },

  async orders() {
    const placed = await patient(() => kite.placeOrder('regular', { ...infy, transaction_type: 'BUY', quantity: 5, order_type: 'LIMIT', price: 1450, tag: 'js' }));
    assert.match(placed.order_id, /^\d{15,19}$/);
    const modified = await patient(() => kite.modifyOrder('regular', placed.order_id, { price: 1460, quantity: 6 }));
    assert.equal(modified.order_id, placed.order_id);
    const row = await order(placed.order_id);
    assert.deepEqual([row.status, row.price, row.quantity, row.pending_quantity, row.tag, row.tags], ['OPEN', 1460, 6, 6, 'js', ['js']]);
    assert.ok(row.order_timestamp instanceof Date);
    const history = await patient(() => kite.getOrderHistory(placed.order_id));
    assert.deepEqual(history.map((h) => h.status), ['PUT ORDER REQ RECEIVED', 'VALIDATION PENDING', 'OPEN PENDING', 'OPEN',
      'MODIFY VALIDATION PENDING', 'MODIFY PENDING', 'MODIFIED', 'OPEN']);
    await patient(() => kite.cancelOrder('regular', placed.order_id));
    assert.equal((await order(placed.order_id)).status, 'CANCELLED');
    await refused(() => kite.cancelOrder('regular', placed.order_id), 'InputException', /being processed/);
    await refused(() => kite.placeOrder('regular', { ...infy, transaction_type: 'BUY', quantity: 5, order_type: 'MARKET' }), 'InputException', /market protection/);
    const market = await patient(() => kite.placeOrder('regular', { ...infy, transaction_type: 'BUY', quantity: 5, order_type: 'MARKET', market_protection: -1 }));
    const filled = await order(market.order_id);
    assert.deepEqual([filled.status, filled.order_type, filled.average_price], ['COMPLETE', 'LIMIT', 1500]);
    assert.ok(filled.tags.includes('mktp'));
    const trades = await patient(() => kite.getOrderTrades(market.order_id));
    assert.deepEqual([trades.length, trades[0].quantity, trades[0].average_price], [1, 5, 1500]);
    assert.ok((await patient(() => kite.getTrades())).length >= 1);
  },

  async varieties() {
    const option = { exchange: 'NFO', tradingsymbol: 'NIFTY26DEC24500CE', product: 'MIS', validity: 'DAY', transaction_type: 'BUY' };
    const sliced = await patient(() => kite.placeOrder('regular', { ...option, quantity: 1820, order_type: 'LIMIT', price: 200, autoslice: true }));
    assert.equal(sliced.children.length, 2);
    assert.deepEqual((await order(sliced.children[1].order_id)).tags, ['autoslice', `autoslice:${sliced.order_id}`]);
    const ice = await patient(() => kite.placeOrder('iceberg', { ...option, quantity: 130, order_type: 'LIMIT', price: 200, iceberg_legs: 2, iceberg_quantity: 65 }));
    assert.equal((await order(ice.order_id)).meta.iceberg.remaining_quantity, 65);
    const amo = await patient(() => kite.placeOrder('amo', { ...infy, transaction_type: 'BUY', quantity: 1, order_type: 'LIMIT', price: 1400 }));
    assert.equal((await order(amo.order_id)).status, 'AMO REQ RECEIVED');
    await patient(() => kite.cancelOrder('amo', amo.order_id));
    const ttl = await patient(() => kite.placeOrder('regular', { ...infy, transaction_type: 'BUY', quantity: 1, order_type: 'LIMIT', price: 1400, validity: 'TTL', validity_ttl: 2 }));
    assert.equal((await order(ttl.order_id)).validity_ttl, 2);
    const cover = await patient(() => kite.placeOrder('co', { ...option, quantity: 65, order_type: 'MARKET', market_protection: -1, trigger_price: 250 }));
    const leg = await until('the second leg', async () => (await patient(() => kite.getOrders())).find((o) => o.parent_order_id === cover.order_id));
    await refused(() => kite.cancelOrder('co', leg.order_id), 'InputException', /parent_order_id/);
    await patient(() => kite.exitOrder('co', leg.order_id, { parent_order_id: cover.order_id }));
    assert.equal((await order(leg.order_id)).status, 'COMPLETE');
  },

  async gtt() {
    const trigger = { trigger_type: kite.GTT_TYPE_OCO, tradingsymbol: 'INFY', exchange: 'NSE', trigger_values: [1400, 1600], last_price: 1500,
      orders: [1395, 1595].map((at) => ({ transaction_type: 'SELL', quantity: 5, product: 'CNC', order_type: 'LIMIT', price: at })) };
    const { trigger_id } = await patient(() => kite.placeGTT(trigger));
    trigger.trigger_values = [1410, 1610];
    assert.equal((await patient(() => kite.modifyGTT(trigger_id, trigger))).trigger_id, trigger_id);
    let one = await patient(() => kite.getGTT(trigger_id));
    assert.deepEqual([one.status, one.condition.trigger_values], ['active', [1410, 1610]]);
    await price('NSE', 'INFY', 1405);
    one = await patient(() => kite.getGTT(trigger_id));
    assert.equal(one.status, 'triggered');
    assert.equal(one.orders[1].result, null);
    const { order_result, meta } = one.orders[0].result;
    assert.equal(order_result.status, 'success');
    assert.equal(JSON.parse(meta).gtt, trigger_id);
    assert.equal((await order(order_result.order_id)).status, 'COMPLETE');
    await price('NSE', 'INFY', 1500);
    const second = await patient(() => kite.placeGTT(trigger));
    assert.equal((await patient(() => kite.deleteGTT(second.trigger_id))).trigger_id, second.trigger_id);
    const all = await patient(() => kite.getGTTs());
    assert.deepEqual(all.map((g) => g.status), ['triggered', 'deleted']);
    await refused(() => kite.placeGTT({ ...trigger, trigger_values: [1499, 1600] }), 'InputException', /0\.25%/);
  },

  async portfolio() {
    await control('holding', { holding: { exchange: 'NSE', tradingsymbol: 'SBIN', quantity: 7, t1_quantity: 2, average_price: 700 } });
    const [holding] = (await patient(() => kite.getHoldings())).filter((h) => h.tradingsymbol === 'SBIN');
    assert.deepEqual([holding.quantity, holding.t1_quantity, holding.opening_quantity], [7, 2, 9]);
    await patient(() => kite.placeOrder('regular', { ...infy, product: 'MIS', transaction_type: 'BUY', quantity: 4, order_type: 'LIMIT', price: 1510 }));
    const net = async (product) => (await patient(() => kite.getPositions())).net.find((p) => p.tradingsymbol === 'INFY' && p.product === product)?.quantity;
    const before = await net('CNC');
    assert.equal(await patient(() => kite.convertPosition({ exchange: 'NSE', tradingsymbol: 'INFY', transaction_type: 'BUY', position_type: 'day', quantity: 4, old_product: 'MIS', new_product: 'CNC' })), true);
    assert.deepEqual([await net('MIS'), await net('CNC')], [0, before + 4]);
  },

  async margins() {
    const margins = await patient(() => kite.getMargins());
    assert.ok(margins.equity.enabled && margins.equity.available.cash > 0);
    assert.ok((await patient(() => kite.getMargins('equity'))).net > 0);
    const asked = [{ exchange: 'NSE', tradingsymbol: 'INFY', transaction_type: 'BUY', variety: 'regular', product: 'CNC', order_type: 'LIMIT', quantity: 2, price: 1500 }];
    assert.equal((await patient(() => kite.orderMargins(asked)))[0].total, 3000);
    assert.equal((await patient(() => kite.orderBasketMargins(asked))).initial.total, 3000);
    assert.equal((await patient(() => kite.getvirtualContractNote([{ ...asked[0], order_id: '1', average_price: 1500 }])))[0].price, 1500);
  },

  async market() {
    const instruments = await patient(() => kite.getInstruments());
    const usd = instruments.find((i) => i.exchange === 'CDS');
    assert.deepEqual([usd.tick_size, usd.lot_size, usd.instrument_type], [0.0025, 1000, 'FUT']);
    assert.ok(usd.expiry instanceof Date);
    assert.ok((await patient(() => kite.getInstruments('NFO'))).every((i) => !i.exchange || i.exchange === 'NFO'));
    const quote = await patient(() => kite.getQuote(['NSE:INFY', 'NSE:NIFTY 50', 'NSE:NONE']));
    assert.deepEqual(Object.keys(quote).sort(), ['NSE:INFY', 'NSE:NIFTY 50']);
    assert.equal(quote['NSE:INFY'].depth.buy.length, 5);
    assert.equal((await patient(() => kite.getLTP('NSE:INFY')))['NSE:INFY'].last_price, 1500);
    assert.equal((await patient(() => kite.getOHLC(['NSE:INFY'])))['NSE:INFY'].ohlc.close, 1500);
    await control('personal', { api_key: 'paper_key', on: true });
    await refused(() => kite.getLTP('NSE:INFY'), 'PermissionException', /Insufficient permission/);
    await control('personal', { api_key: 'paper_key', on: false });
  },

  async ticker() {
    const ticker = new KiteTicker({ api_key: 'paper_key', access_token: kite.access_token, root: socket, reconnect: false });
    const ticks = [], updates = [];
    let connected = false, messages = 0;
    ticker.on('connect', () => { connected = true; });
    ticker.on('ticks', (some) => ticks.push(...some));
    ticker.on('order_update', (o) => updates.push(o));
    ticker.on('message', (m) => { if (m.byteLength === 1) messages++; });
    ticker.connect();
    await until('a connection', () => connected);
    await until('a heartbeat', () => messages > 0);
    // next is the first tick of that kind: an earlier one is forgotten.
    const next = async (instrument, mode, act) => {
      ticks.length = 0;
      await act();
      return until(`a ${mode} tick of ${instrument}`, () => ticks.find((t) => t.instrument_token === instrument && t.mode === mode));
    };
    const subscribe = (mode, ...tokens) => async () => { ticker.subscribe(tokens); ticker.setMode(mode, tokens); };
    let tick = await next(token.infy, 'full', subscribe(ticker.modeFull, token.infy));
    assert.deepEqual([tick.last_price, tick.ohlc.close, tick.tradable, tick.depth.buy.length], [1500, 1500, true, 5]);
    tick = await next(token.infy, 'full', () => price('NSE', 'INFY', 1512.3));
    assert.equal(tick.last_price, 1512.3);
    assert.ok(Math.abs(tick.exchange_timestamp - Date.now()) < 60000);
    tick = await next(token.infy, 'quote', subscribe(ticker.modeQuote, token.infy));
    assert.equal(tick.ohlc.high, 1512.3);
    tick = await next(token.infy, 'ltp', subscribe(ticker.modeLTP, token.infy));
    assert.equal(tick.last_price, 1512.3);
    tick = await next(token.nifty, 'quote', subscribe(ticker.modeQuote, token.nifty));
    assert.deepEqual([tick.last_price, tick.tradable, tick.ohlc.close], [24530, false, 24530]);
    tick = await next(token.nifty, 'full', subscribe(ticker.modeFull, token.nifty));
    assert.ok('exchange_timestamp' in tick);
    for (const currency of [token.cds, token.bcd]) {
      tick = await next(currency, 'full', subscribe(ticker.modeFull, currency));
      assert.equal(tick.last_price, 88.5);
    }
    await price('NSE', 'INFY', 1500);
    const hand = await control('hand/place', { params: { ...infy, transaction_type: 'BUY', quantity: '1', order_type: 'LIMIT', price: '1500', tag: 'hand' } });
    const done = await until('the update of an order by hand', () => updates.find((o) => o.order_id === hand.order_id && o.status === 'COMPLETE'));
    assert.deepEqual([done.account_id, done.checksum, done.tags, done.unfilled_quantity], ['AB1234', '', ['hand'], 0]);
    ticker.disconnect();
  },

  async postback() {
    const bodies = [];
    const receiver = http.createServer((request, reply) => {
      let body = '';
      request.on('data', (part) => { body += part; });
      request.on('end', () => { bodies.push({ type: request.headers['content-type'], body }); reply.end(); });
    });
    await new Promise((listening) => receiver.listen(0, '127.0.0.1', listening));
    await control('postback_url', { api_key: 'paper_key', url: `http://127.0.0.1:${receiver.address().port}/` });
    const placed = await patient(() => kite.placeOrder('regular', { ...infy, transaction_type: 'BUY', quantity: 1, order_type: 'LIMIT', price: 1500 }));
    const got = await until('a postback', () => bodies.find((b) => JSON.parse(b.body).order_id === placed.order_id));
    assert.match(got.type, /^application\/x-www-form-urlencoded/);
    const told = JSON.parse(got.body);
    assert.equal(kite.validatePostback(told, secret), true);
    assert.equal(kite.validatePostback(told, 'another'), false);
    await control('next', { point: 'postback', fault: 'forged' });
    const forged = await patient(() => kite.placeOrder('regular', { ...infy, transaction_type: 'BUY', quantity: 1, order_type: 'LIMIT', price: 1500 }));
    const bad = await until('a forged postback', () => bodies.find((b) => JSON.parse(b.body).order_id === forged.order_id));
    assert.equal(kite.validatePostback(JSON.parse(bad.body), secret), false);
    await control('postback_url', { api_key: 'paper_key', url: '' });
    receiver.close();
    receiver.closeAllConnections();
  },

  async failures() {
    await control('next', { point: 'place', fault: '5xx' });
    const params = () => ({ ...infy, transaction_type: 'BUY', quantity: 1, order_type: 'LIMIT', price: 1500 });
    await refused(() => kite.placeOrder('regular', params()), 'NetworkException', /Bad Gateway/);
    await control('next', { point: 'place', fault: 'address_refused' });
    await refused(() => kite.placeOrder('regular', params()), 'PermissionException', /No IPs configured/);
    await control('next', { point: 'place', fault: 'reply_lost' });
    await refused(() => kite.placeOrder('regular', params()), 'NetworkException', /No response from server/);
  },
};

for (const [name, part] of Object.entries(parts)) {
  try {
    await part();
    console.log(`ok ${name}`);
  } catch (e) {
    console.log(`not ok ${name}: ${e?.stack ?? JSON.stringify(e)}`);
    process.exit(1);
  }
}
process.exit(0);
