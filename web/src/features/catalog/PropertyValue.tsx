import { Code } from '@mantine/core';
import type { Property, Relation } from '~/api/types';
import { count, fullTime, shortSha } from '~/lib/format';
import { t } from '~/strings';
import { Pill, When, type Tone } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';

// The colours a blueprint may give its values, in the five tones that pass
// contrast in both schemes.
const tones: Record<string, Tone> = {
  green: 'ok',
  turquoise: 'ok',
  yellow: 'warn',
  orange: 'warn',
  red: 'bad',
  pink: 'bad',
  blue: 'info',
  purple: 'info',
};

export function toneOfEnum(property: Property, value: unknown): Tone {
  return tones[property.enumColors?.[String(value)] ?? ''] ?? 'mute';
}

function isWebAddress(text: string): boolean {
  return /^https?:\/\//.test(text);
}

/** A property's value as its type asks for; `short` keeps it on one line. */
export function PropertyValue({
  property,
  value,
  short,
}: {
  property: Property;
  value: unknown;
  short?: boolean;
}) {
  if (value === null || value === undefined || value === '') return <span className="sph-muted">{'–'}</span>;
  if (property.enum && typeof value !== 'object')
    return <Pill tone={toneOfEnum(property, value)}>{String(value)}</Pill>;
  if (typeof value === 'boolean')
    return <Pill tone={value ? 'ok' : 'mute'}>{value ? t.common.yes : t.common.no}</Pill>;
  if (typeof value === 'number') return <span className="num">{count(value)}</span>;
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="sph-muted">{'–'}</span>;
    return (
      <>{value.map((each) => (typeof each === 'object' ? JSON.stringify(each) : String(each))).join(', ')}</>
    );
  }
  if (typeof value === 'object') {
    if (short) return <span className="mono">{JSON.stringify(value)}</span>;
    return (
      <Code block style={{ textAlign: 'left' }}>
        {JSON.stringify(value, null, 2)}
      </Code>
    );
  }
  const text = String(value);
  if (property.format === 'date-time')
    return short ? <When at={text} /> : <time dateTime={text}>{fullTime(text)}</time>;
  if (property.format === 'email') return <a href={`mailto:${text}`}>{text}</a>;
  if (property.format === 'url' && (isWebAddress(text) || /^\/[^/\\]/.test(text))) {
    return (
      <a href={text} rel="noreferrer">
        {text}
      </a>
    );
  }
  if (shortSha(text) !== text) {
    return (
      <span className="mono" title={text}>
        {shortSha(text)}
      </span>
    );
  }
  return <>{text}</>;
}

/** The entities a relation points to, as links. */
export function RelationValue({
  relation,
  value,
  titles,
}: {
  relation: Relation;
  value: unknown;
  titles?: Map<string, string>;
}) {
  const ids = (Array.isArray(value) ? value : [value]).filter(
    (id): id is string => typeof id === 'string' && id !== '',
  );
  if (ids.length === 0) return <span className="sph-muted">{'–'}</span>;
  return (
    <>
      {ids.map((id, i) => (
        <span key={id}>
          {i > 0 && ', '}
          <EntityLink blueprint={relation.target} id={id} title={titles?.get(`${relation.target}/${id}`)} />
        </span>
      ))}
    </>
  );
}
