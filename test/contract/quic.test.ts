import { linkContract } from './link-contract.ts';
import { quicPair } from './quic-pair.ts';

linkContract('quic', quicPair);
