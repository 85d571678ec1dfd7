import { Table, Text } from '@mantine/core';
import { isEmpty, type Field } from '~/features/catalog/fields';
import { PropertyValue, RelationValue } from '~/features/catalog/PropertyValue';
import { tc } from '~/strings/catalog';

export type ShownChange = { field: Field; before: unknown; after: unknown; note?: string };

/** A value of any field, long ones in full. */
export function FieldValue({ field, value }: { field: Field; value: unknown }) {
  if (isEmpty(value)) return <span className="sph-muted">{'–'}</span>;
  if (field.relation) return <RelationValue relation={field.relation} value={value} />;
  return <PropertyValue property={field.property} value={value} />;
}

/** What changes, before and after, field by field. */
export function ChangeTable({ changes, label }: { changes: ShownChange[]; label: string }) {
  return (
    <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing={8} aria-label={label} layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="26%">{tc.form.field}</Table.Th>
            <Table.Th>{tc.form.before}</Table.Th>
            <Table.Th>{tc.form.after}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {changes.map(({ field, before, after, note }) => (
            <Table.Tr key={field.id}>
              <Table.Th scope="row" fw={500} style={{ verticalAlign: 'top' }}>
                {field.title}
                {note && (
                  <Text size="xs" c="var(--sph-warn)">
                    {note}
                  </Text>
                )}
              </Table.Th>
              <Table.Td style={{ verticalAlign: 'top', overflowWrap: 'anywhere' }}>
                <FieldValue field={field} value={before} />
              </Table.Td>
              <Table.Td style={{ verticalAlign: 'top', overflowWrap: 'anywhere' }}>
                <FieldValue field={field} value={after} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
