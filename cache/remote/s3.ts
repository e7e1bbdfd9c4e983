import { open, readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Client } from 'minio';
import { UserError } from '../../common/errors.ts';
import { codeOf } from '../failures.ts';
import { broken, type Driver, RemoteFailure, refusal, type Sent } from './driver.ts';

export interface Bucket {
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined;
  /** AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION are read; without a key: anonymous. */
  readonly env: NodeJS.ProcessEnv;
  /** Bytes; larger files are sent in parts of this size. At least 5 MiB. */
  readonly part?: number;
}

const PART = 16 << 20;
/** S3 takes no more parts than that for one object. */
const MOST_PARTS = 10_000;

/** A bucket of Amazon S3 or of anything that speaks its protocol. */
export function s3Driver(at: Bucket): Driver {
  const { bucket } = at;
  const agents: (HttpAgent | HttpsAgent)[] = [];
  const client = connect(at, agents);
  const full = (key: string): string => (at.prefix ? `${at.prefix}/${key}` : key);

  async function size(key: string): Promise<number | undefined> {
    try {
      return (await client.statObject(bucket, full(key))).size;
    } catch (error) {
      return missing(error);
    }
  }

  return {
    size,
    async get(key) {
      try {
        return await client.getObject(bucket, full(key));
      } catch (error) {
        return missing(error);
      }
    },
    async put(key, file, alive) {
      try {
        const whole = file.bytes <= (at.part ?? PART);
        if (whole) await client.putObject(bucket, full(key), await readFile(file.path), file.bytes);
        else
          await putParts(
            client,
            bucket,
            full(key),
            file,
            Math.max(at.part ?? PART, Math.ceil(file.bytes / MOST_PARTS)),
            alive,
          );
      } catch (error) {
        throw explained(error);
      }
    },
    async list(folder) {
      const names: string[] = [];
      const start = `${full(folder)}/`;
      try {
        for await (const { name } of client.listObjectsV2(bucket, start, true) as AsyncIterable<{
          name?: string;
        }>)
          if (name && !name.slice(start.length).includes('/')) names.push(name.slice(start.length));
      } catch (error) {
        throw explained(error);
      }
      return names;
    },
    async close() {
      for (const agent of agents) agent.destroy();
    },
  };
}

function connect({ endpoint, env }: Bucket, agents: (HttpAgent | HttpsAgent)[]): Client {
  if (endpoint !== undefined && !URL.canParse(endpoint))
    throw new UserError(
      `AWS_ENDPOINT_URL is no URL: ${endpoint}. Write it as https://HOST or http://HOST:PORT.`,
    );
  const url = new URL(endpoint ?? 'https://s3.amazonaws.com');
  const secure = url.protocol === 'https:';
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  agents.push(agent);
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || (endpoint ? 'us-east-1' : undefined);
  return new Client({
    endPoint: url.hostname,
    ...(url.port && { port: Number(url.port) }),
    useSSL: secure,
    accessKey: env.AWS_ACCESS_KEY_ID ?? '',
    secretKey: env.AWS_SECRET_ACCESS_KEY ?? '',
    ...(env.AWS_SESSION_TOKEN && { sessionToken: env.AWS_SESSION_TOKEN }),
    ...(region && { region }),
    pathStyle: endpoint !== undefined,
    transportAgent: agent as HttpAgent,
    retryOptions: { disableRetry: true },
  });
}

/**
 * Sends a large file part by part; the object appears when all are there. The client's own way asks for a list of begun
 * uploads first, which not every server knows, and would go on with what somebody else began.
 */
async function putParts(
  client: Client,
  bucket: string,
  key: string,
  { path, bytes }: Sent,
  size: number,
  alive: () => void,
): Promise<void> {
  const id = await client.initiateNewMultipartUpload(bucket, key, {});
  const file = await open(path, 'r');
  try {
    const parts: { part: number; etag: string }[] = [];
    for (let from = 0; from < bytes; from += size) {
      const data = Buffer.allocUnsafe(Math.min(size, bytes - from));
      const { bytesRead } = await file.read(data, 0, data.length, from);
      if (bytesRead !== data.length)
        throw new RemoteFailure(`${path} became shorter while it was sent`, false);
      const part = parts.length + 1;
      const headers = { 'Content-Length': String(data.length) };
      const of = { bucketName: bucket, objectName: key, uploadID: id, partNumber: part, headers };
      parts.push({ part, etag: (await client.uploadPart(of, data)).etag });
      alive();
    }
    await client.completeMultipartUpload(bucket, key, id, parts);
  } catch (error) {
    await client.abortMultipartUpload(bucket, key, id).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Undefined for an object that isn't there; throws for everything else. */
function missing(error: unknown): undefined {
  if (['NoSuchKey', 'NotFound'].includes(codeOf(error) ?? '')) return undefined;
  throw explained(error);
}

/** The client gives S3's codes, or the status inside a text. */
function explained(error: unknown): Error {
  if (error instanceof UserError || error instanceof RemoteFailure) return error;
  const { code, message } = error as Error & { code?: string };
  const status = /status: (\d{3})/.exec(message)?.[1];
  if (status) return refusal(Number(status));
  if (code === undefined || /^E[A-Z]+$/.test(code)) return broken(error);
  const denied = /Denied|Forbidden|InvalidAccessKey|SignatureDoesNotMatch|Unauthorized|ExpiredToken/.test(
    code,
  );
  if (denied)
    return new RemoteFailure(
      `it doesn't let us in (${code}): check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they allow`,
      false,
    );
  const passing = /InternalError|SlowDown|ServiceUnavailable|Timeout|Busy/.test(code);
  return new RemoteFailure(`${code}: ${message}`, passing);
}
