import { describe, expect, it } from 'vitest';
import {
  chooseRoute,
  mergeSites,
  targetFault,
  upstreamTarget,
  type WebsiteRoute,
} from '../../../src/runner/expose/route.ts';

const route = (path: string, rewrite: string | null = null, runner = 'web'): WebsiteRoute => ({
  runner,
  scheme: 'http',
  port: 80,
  path,
  rewrite,
  connect: () => Promise.reject(new Error('not here')),
});

describe('which EXPOSE a request goes to', () => {
  const routes = [route('/'), route('/api'), route('/api/v2/'), route('/cypress1')];
  it.each([
    ['/', '/'],
    ['/index.html', '/'],
    ['/api', '/api'],
    ['/api?x=/api/v2', '/api'],
    ['/api/', '/api'],
    ['/apis', '/'],
    ['/api/v2', '/api/v2/'],
    ['/api/v2x', '/api'],
    ['/api/v2/y', '/api/v2/'],
    ['/cypress11', '/'],
    ['/?a', '/'],
  ])('%s goes to %s', (target, path) => {
    expect(chooseRoute(routes, target)?.path).toBe(path);
  });

  it('is none where no path fits', () => {
    expect(chooseRoute([route('/api')], '/')).toBeNull();
    expect(chooseRoute([route('/api')], '/apis')).toBeNull();
  });
});

describe('what the machine is asked for', () => {
  it.each([
    ['/api', null, '/api/x?y', '/api/x?y'],
    ['/api', '/', '/api/x?y', '/x?y'],
    ['/api', '/', '/api', '/'],
    ['/api', '/', '/api?y', '/?y'],
    ['/api/', '/', '/api/x', '/x'],
    ['/api', '/v1', '/api', '/v1'],
    ['/api', '/v1', '/api?y', '/v1?y'],
    ['/api', '/v1/', '/api', '/v1/'],
    ['/api', '/v1/', '/api/x', '/v1/x'],
    ['/', '/app', '/x', '/app/x'],
    ['/', '/app', '/', '/app/'],
    ['/', '/', '/x//y', '/x//y'],
    ['/api', '/', '/api//evil.example', '//evil.example'],
  ])('path %s, rewrite %s: %s becomes %s', (path, rewrite, target, expected) => {
    expect(upstreamTarget(route(path, rewrite), target)).toBe(expected);
  });
});

describe('a target', () => {
  it.each(['/', '/a/b?c=../d', '/a..b/.c', '/%41', '/a%20b', '/...', '/x;y=..', "/~u/@v:w!$&'()*+,="])(
    '%s is passed on',
    (target) => {
      expect(targetFault(target)).toBeNull();
    },
  );
  it.each([
    'http://evil/',
    '*',
    'x',
    '',
    '/..',
    '/a/../b',
    '/a/%2e%2E/b',
    '/a/.%2e',
    '/a%2f..%2fb',
    '/a%5c..%5cb',
    '/a\\..\\b',
    '/./a',
    '/a/..;x/b',
    '/ü',
    '/a b',
    '/a#b',
    '/a\u0000',
  ])('%j is not', (target) => {
    expect(targetFault(target)).not.toBeNull();
  });
});

it('merges what several runners and copies show under one name; the first keeps a path', () => {
  const merged = mergeSites([
    { host: 'Main-web.localhost', routes: [route('/', null, 'web'), route('/a/', null, 'web')] },
    { host: 'main-web.localhost', routes: [route('/a', null, 'web-2'), route('/b', null, 'web-2')] },
    { host: 'main-api.localhost', routes: [route('/', null, 'api')] },
  ]);
  expect([...merged].map(([host, site]) => [host, site.routes.map((one) => `${one.runner}${one.path}`)])).toEqual([
    ['main-web.localhost', ['web/', 'web/a/', 'web-2/b']],
    ['main-api.localhost', ['api/']],
  ]);
});
