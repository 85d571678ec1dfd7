import { describe, expect, it } from 'vitest';
import { curlOf, exampleOf, groupByTag, operationsOf, typeText, type Document } from './openapi';

const document: Document = {
  info: { title: 'x', version: '1' },
  paths: {
    '/v1/runs/{id}/approval': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      post: {
        operationId: 'decide',
        summary: 'Decide',
        tags: ['Runs'],
        requestBody: {
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Decision' } } },
        },
        responses: { 202: { description: 'Accepted' } },
      },
    },
    '/v1/me': { get: { responses: {} } },
  },
  components: {
    schemas: {
      Decision: {
        type: 'object',
        properties: { approve: { type: 'boolean' }, on: { $ref: '#/components/schemas/Decision' } },
      },
    },
  },
};

describe('the API reference', () => {
  const operations = operationsOf(document, 'Other');

  it('reads operations with the parameters of their path', () => {
    expect(operations.map((operation) => operation.id)).toEqual(['decide', 'get /v1/me']);
    expect(operations[0]?.parameters.map((parameter) => parameter.name)).toEqual(['id']);
  });

  it('groups by tag and filters by text', () => {
    expect(groupByTag(operations).map(([tag]) => tag)).toEqual(['Runs', 'Other']);
    expect(groupByTag(operations, 'approv').map(([tag]) => tag)).toEqual(['Runs']);
    expect(groupByTag(operations, 'nothing')).toEqual([]);
  });

  it('makes a command line with a body that fits the schema', () => {
    const curl = curlOf(document, operations[0]!, 'http://portal.test');
    expect(curl).toContain("curl -X POST 'http://portal.test/v1/runs/ID/approval'");
    expect(curl).toContain('"approve":true');
    expect(curl).toContain('Bearer $SPHERA_TOKEN');
  });

  it('ends with schemas that contain themselves', () => {
    expect(() => JSON.stringify(exampleOf(document, operations[0]!.body))).not.toThrow();
  });

  it.each([
    [{ type: 'array', items: { $ref: '#/components/schemas/Run' } }, 'array of Run'],
    [{ type: ['string', 'null'] }, 'string | null'],
    [{ enum: ['open', 'closed'] }, '"open" | "closed"'],
    [{ type: 'string', format: 'date-time' }, 'string (date-time)'],
    [undefined, 'any'],
  ])('names the type of %j', (schema, text) => {
    expect(typeText(schema)).toBe(text);
  });
});
