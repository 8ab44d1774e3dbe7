import { describe, expect, it } from 'vitest';
import { endToEnd, framingOf, requestedHost, requestHeaders } from '../../../src/runner/expose/header-lines.ts';

describe('headers of one hop', () => {
  it('do not go on, nor what Connection names', () => {
    const raw = [
      'Connection',
      'close, X-Mine',
      'X-Mine',
      '1',
      'Keep-Alive',
      'timeout=5',
      'TE',
      'trailers',
      'Upgrade',
      'h2c',
      'Proxy-Authorization',
      'x',
      'Accept',
      '*/*',
    ];
    expect(endToEnd(raw)).toEqual(['Accept', '*/*']);
  });

  it('are not taken from the message’s length or host on a client’s word', () => {
    expect(endToEnd(['Connection', 'Content-Length, Host', 'Content-Length', '3', 'Host', 'x'])).toEqual([
      'Content-Length',
      '3',
      'Host',
      'x',
    ]);
  });

  it('leave doubled headers doubled', () => {
    expect(endToEnd(['Set-Cookie', 'a', 'Set-Cookie', 'b'])).toEqual(['Set-Cookie', 'a', 'Set-Cookie', 'b']);
  });
});

it('says who asked, and lets nobody else say so', () => {
  const raw = [
    'Host',
    'a.localhost:7080',
    'X-Forwarded-For',
    '1.2.3.4',
    'Forwarded',
    'for=1.2.3.4',
    'x-forwarded-proto',
    'https',
    'Cookie',
    'c',
  ];
  expect(requestHeaders(raw, { address: '127.0.0.1', host: 'a.localhost:7080', port: 7080 })).toEqual([
    'Host',
    'a.localhost:7080',
    'Cookie',
    'c',
    'X-Forwarded-For',
    '127.0.0.1',
    'X-Forwarded-Host',
    'a.localhost:7080',
    'X-Forwarded-Port',
    '7080',
    'X-Forwarded-Proto',
    'http',
  ]);
});

it.each([
  [[], 'none'],
  [['Content-Length', '3'], 'length'],
  [['Transfer-Encoding', 'Chunked'], 'chunked'],
  [['Content-Length', '3', 'Transfer-Encoding', 'chunked'], { fault: 'both Content-Length and Transfer-Encoding' }],
  [['Transfer-Encoding', 'gzip, chunked'], { fault: 'an unknown Transfer-Encoding' }],
  [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'identity'], { fault: 'an unknown Transfer-Encoding' }],
  [['Content-Length', '3', 'content-length', '3'], { fault: 'an unclear Content-Length' }],
  [['Content-Length', '+3'], { fault: 'an unclear Content-Length' }],
])('frames a body by %j', (raw, expected) => {
  expect(framingOf(raw)).toEqual(expected);
});

it.each([
  [['Host', 'Main-Web.localhost:7080'], 'main-web.localhost'],
  [['Host', 'main.localhost'], null],
  [['Host', 'main.localhost:80'], null],
  [['Host', 'main.localhost.:7080'], 'main.localhost.'],
  [['Host', 'a:7080', 'Host', 'b:7080'], null],
  [['Host', 'user@a:7080'], null],
  [['Host', 'a/b:7080'], null],
  [['Host', ''], null],
  [[], null],
])('reads the host of %j', (raw, expected) => {
  expect(requestedHost(raw, 7080)).toBe(expected);
});
