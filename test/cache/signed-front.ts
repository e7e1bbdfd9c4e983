import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';

/**
 * A server in front of an S3 server that lets only rightly signed requests through: AWS Signature Version 4, written here
 * from its specification, as the S3 server behind doesn't check this version. Also checks the body's announced hash.
 */
export function signedFront(port: number, keys: Readonly<Record<string, string>>): Server {
  return createServer(async (incoming, answer) => {
    const body = await buffer(incoming);
    const why = wrong(incoming, body, keys);
    if (why) {
      const xml = `<?xml version="1.0"?><Error><Code>${why}</Code><Message>refused</Message></Error>`;
      answer.writeHead(403, { 'content-type': 'application/xml' }).end(incoming.method === 'HEAD' ? '' : xml);
      return;
    }
    const { method, url, headers } = incoming;
    const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    onward.end(body);
  });
}

/** The code of S3's refusal, undefined for a request that is right. */
function wrong(
  incoming: IncomingMessage,
  body: Buffer,
  keys: Readonly<Record<string, string>>,
): string | undefined {
  const header = incoming.headers.authorization ?? '';
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
  const [, id = '', day = '', region = '', signed = '', signature] = form.exec(header) ?? [];
  const secret = keys[id];
  if (secret === undefined) return 'InvalidAccessKeyId';
  const announced = String(incoming.headers['x-amz-content-sha256']);
  if (announced !== 'UNSIGNED-PAYLOAD' && announced !== sha(body)) return 'XAmzContentSHA256Mismatch';
  const [path = '', query = ''] = (incoming.url ?? '').split('?');
  const pairs = query
    .split('&')
    .filter(Boolean)
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort();
  const names = signed.split(';');
  if (!names.includes('host') || !names.includes('x-amz-date')) return 'AccessDenied';
  const lines = names.map((name) => `${name}:${String(incoming.headers[name]).trim().replace(/ +/g, ' ')}\n`);
  const canonical = [incoming.method, path, pairs.join('&'), lines.join(''), signed, announced].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', incoming.headers['x-amz-date'], scope, sha(canonical)].join('\n');
  const steps = [day, region, 's3', 'aws4_request'];
  const key = steps.reduce<Buffer | string>((from, step) => mac(from, step), `AWS4${secret}`);
  return mac(key, text).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}

const sha = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
const mac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data).digest();
