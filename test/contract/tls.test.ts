import { linkContract } from './link-contract.ts';
import { tlsPair } from './tls-pair.ts';

linkContract('tls', tlsPair);
