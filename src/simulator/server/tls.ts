/** Certificates, made with the openssl command. Runs in the simulator process at start. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoggerError, messageOf } from '../../base/errors.js';

export interface Certificate {
  readonly cert_path: string;
  readonly key_path: string;
}

/** Makes a self-signed certificate for a host, and 127.0.0.1, in a new directory under the temporary directory. */
export function makeCertificate(host = 'localhost'): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'logger-simulator-'));
  const [cert_path, key_path] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host},IP:127.0.0.1`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key_path];
  try {
    execFileSync('openssl', ['req', '-x509', ...key, '-out', cert_path, '-days', '30', ...subject], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      `cannot make a certificate with the openssl command (${messageOf(error)}): install openssl or pass --cert and --key`,
    );
  }
  return { cert_path, key_path };
}
