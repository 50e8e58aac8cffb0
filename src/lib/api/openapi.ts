// The OpenAPI 3.1 document of the API, made of the table of endpoints: served at /openapi.json, and committed as docs/openapi.json.
import { z } from 'zod';
import { CA_HEADER, ErrorAnswer, REQUEST_ID_HEADER } from './contract.ts';
import { type Endpoint, statusesOf } from './endpoint.ts';
import { ENDPOINTS } from './endpoints.ts';

const MEANING: Readonly<Record<number, string>> = {
  200: 'done',
  204: 'done',
  400: 'malformed: the message names the field',
  401: 'who calls is not known',
  403: 'not allowed',
  404: 'unknown',
  408: 'the request took too long to come',
  409: 'in conflict with what is there',
  413: 'the body is too large',
  415: 'the body is not application/json',
  422: 'JSON of another shape',
  429: 'a limit is reached: try again after Retry-After',
  431: 'the headers are too large',
  500: 'the gateway failed: its log says more',
  503: 'not now: try again after Retry-After',
};
/** What came was no request yet: there is nobody to say more to. */
const NO_REQUEST = new Set([408, 431]);

const AUDIENCE: Readonly<Record<Endpoint['who'], string>> = {
  login: 'Bearer: the credential of a login.',
  admin: "Bearer: the credential of an administrator's login.",
  string: 'Bearer: the string itself.',
  anybody: 'For anybody.',
};

type Json = Record<string, unknown>;
export type OpenApi = Json & { readonly openapi: string };

export function openapi(): OpenApi {
  const paths: Record<string, Json> = {};
  for (const endpoint of ENDPOINTS) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'tunnel gateway', version: 'v1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      responses: failures(),
      schemas: { Error: shape(ErrorAnswer, 'output') },
      headers: {
        [REQUEST_ID_HEADER]: { description: 'The one of the request, or a new one.', schema: { type: 'string' } },
        [CA_HEADER]: { description: 'SHA-256 of the CA bundle in force.', schema: { type: 'string' } },
        'retry-after': { description: 'Seconds.', schema: { type: 'integer' } },
      },
    },
  };
}

function operation(endpoint: Endpoint): Json {
  const { summary, who, params, query, body } = endpoint;
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')];
  return {
    operationId: `${endpoint.method.toLowerCase()} ${endpoint.path}`.replaceAll(
      /[^a-zA-Z]+(.)?/g,
      (_all, next: string | undefined) => next?.toUpperCase() ?? '',
    ),
    summary,
    description: AUDIENCE[who],
    security: who === 'anybody' ? [] : [{ bearer: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: !body.safeParse({}).success, content: { 'application/json': { schema: shape(body, 'input') } } } }),
    responses: Object.fromEntries(statusesOf(endpoint).map((status) => [status, response(endpoint, status)])),
  };
}

function parametersOf(of: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = of ? z.toJSONSchema(of, { io: 'input' }) : {};
  return Object.entries(properties).map(([name, schema]) => ({ name, in: where, required: where === 'path' || required.includes(name), schema }));
}

function response({ answer, bare }: Endpoint, status: number): Json {
  if (status >= 300) return { $ref: `#/components/responses/${bare ? 'Bare' : ''}${status}` };
  const content =
    typeof answer === 'string' ? { [answer]: { schema: { type: 'string' } } } : answer && { 'application/json': { schema: shape(answer, 'output') } };
  return { description: MEANING[status], headers: headers(false), ...(content && { content }) };
}

/** Every failure, and as stock agents know it. */
function failures(): Json {
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  const statuses = Object.entries(MEANING).filter(([status]) => Number(status) >= 300);
  return Object.fromEntries(
    statuses.flatMap(([status, description]) => {
      if (NO_REQUEST.has(Number(status)))
        return [
          [status, { description }],
          [`Bare${status}`, { description }],
        ];
      const common = { description, headers: headers(status === '429' || status === '503') };
      return [
        [status, { ...common, content: error }],
        [`Bare${status}`, { ...common, description: `${description}; a bare status, unless JSON is asked for` }],
      ];
    }),
  );
}

function headers(retry: boolean): Json {
  const names = [REQUEST_ID_HEADER, CA_HEADER, ...(retry ? ['retry-after'] : [])];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** Formats say what their patterns would say at length. */
function shape(of: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _same, ...schema } = z.toJSONSchema(of, {
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return schema;
}
