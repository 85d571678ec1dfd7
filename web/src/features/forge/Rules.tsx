import { Code, Text } from '@mantine/core';
import type { ReviewRule } from '~/api/types';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import { Pill } from '~/ui/bits';
import { Section } from '~/ui/Section';

type Rule = { name?: string; paths?: string[]; reviewers?: string[]; auto?: boolean; approvals?: number };

/** Who has to review what. The last rule that matches a file decides. */
export function Rules({ rules }: { rules: ReviewRule[] }) {
  return (
    <Section title={tw.forge.rules} flush>
      {rules.length === 0 && (
        <Text size="sm" className="sph-muted" p="md">
          {tw.forge.noRules}
        </Text>
      )}
      {rules.map((raw, i) => {
        const rule = raw as Rule;
        return (
          <div key={i} className="sph-row sph-line">
            <div className="sph-line-text">
              <Text size="sm" fw={600}>
                {rule.name}
              </Text>
              <Text size="sm" component="div">
                {(rule.paths ?? []).map((path) => (
                  <Code key={path} mr={6}>
                    {path}
                  </Code>
                ))}
              </Text>
            </div>
            <Text size="sm" component="div">
              {rule.auto ? (
                <Pill tone="ok" title={tw.forge.auto}>
                  {tw.plan.approvedByRule}
                </Pill>
              ) : (
                tw.forge.approvals(rule.approvals || 1)
              )}
            </Text>
            <Text size="sm">
              {(rule.reviewers ?? [])
                .map((who) => (who.startsWith('role:') ? humanise(who.slice(5)) : who))
                .join(', ')}
            </Text>
          </div>
        );
      })}
    </Section>
  );
}
