import type { TrustRule } from '~/api/types';

/** What a job does to get a token by the rule. */
export function snippetFor(
  rule: Pick<TrustRule, 'issuer' | 'audience' | 'conditions'>,
  portal: string,
): string {
  const exchange = (token: string) =>
    [
      `curl -fsS ${portal}/v1/auth/token-exchange \\`,
      '  -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\',
      '  -d subject_token_type=urn:ietf:params:oauth:token-type:id_token \\',
      `  -d subject_token="${token}"`,
    ].join('\n');
  if (rule.conditions.some((c) => c.claim.startsWith('project_') || c.claim.startsWith('namespace_'))) {
    return [
      'job:',
      '  id_tokens:',
      '    SPHERA_ID_TOKEN:',
      `      aud: ${rule.audience}`,
      '  script:',
      '    - |',
      indent(`export SPHERA_TOKEN=$(${exchange('$SPHERA_ID_TOKEN')} | jq -r .access_token)`, 6),
    ].join('\n');
  }
  return [
    'permissions:',
    '  id-token: write',
    'steps:',
    '  - run: |',
    indent(
      [
        'ID_TOKEN=$(curl -fsS -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \\',
        `  "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=${encodeURIComponent(rule.audience)}" | jq -r .value)`,
        `SPHERA_TOKEN=$(${exchange('$ID_TOKEN')} | jq -r .access_token)`,
        'echo "::add-mask::$SPHERA_TOKEN"',
        'echo "SPHERA_TOKEN=$SPHERA_TOKEN" >> "$GITHUB_ENV"',
      ].join('\n'),
      6,
    ),
  ].join('\n');
}

const indent = (text: string, by: number) =>
  text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
