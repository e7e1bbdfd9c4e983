import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { broken, type Driver, refusal } from './driver.ts';

/**
 * A folder that a web server shows: read by GET and HEAD, never written. A user name and password in the address are sent
 * as basic authentication.
 */
export function httpDriver(url: URL): Driver {
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const headers = {
    'accept-encoding': 'identity',
    ...(url.username && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
  };

  async function ask(method: 'GET' | 'HEAD', key: string, signal: AbortSignal) {
    let answer: Response;
    try {
      answer = await fetch(`${base}/${key}`, { method, headers, signal });
    } catch (error) {
      throw broken(error);
    }
    if (answer.ok) return answer;
    await answer.body?.cancel().catch(() => undefined);
    if (answer.status === 404 || answer.status === 410) return undefined;
    throw refusal(answer.status);
  }

  return {
    async size(key, signal) {
      const answer = await ask('HEAD', key, signal);
      return answer && Number(answer.headers.get('content-length') ?? -1);
    },
    async get(key, signal) {
      const answer = await ask('GET', key, signal);
      if (!answer) return undefined;
      return answer.body ? Readable.fromWeb(answer.body as ReadableStream) : Readable.from([]);
    },
    close: async () => undefined,
  };
}
