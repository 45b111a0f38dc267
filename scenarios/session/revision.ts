import { execFileSync } from 'node:child_process';
import type { Revision } from '../../harness/history.ts';

const TIMEOUT_MS = 5000;

/**
 * What is checked out in a folder; undefined where nothing tells. A checkout of CI is usually on no branch: there its variables tell, whose
 * name of a pull request is never that of a branch, so that nobody's fork passes for `main`.
 * @param env variables of GitHub or GitLab
 */
export function revisionOf(folder: string, env: NodeJS.ProcessEnv): Revision | undefined {
  const [own, name] = checkedOut(folder);
  const commit = own ?? env.GITHUB_SHA ?? env.CI_COMMIT_SHA;
  if (commit === undefined) return undefined;
  const branch = name === 'HEAD' || name === undefined ? (env.GITHUB_REF_NAME ?? env.CI_COMMIT_BRANCH) : name;
  return { commit, ...(branch && { branch }) };
}

/** Commit and branch, `HEAD` for none; nothing without git, a repository, or a first commit. */
function checkedOut(folder: string): string[] {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD', '--abbrev-ref', 'HEAD'], {
      ...{ cwd: folder, timeout: TIMEOUT_MS, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    })
      .trim()
      .split('\n');
  } catch {
    return [];
  }
}
