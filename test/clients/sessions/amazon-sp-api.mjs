import assert from 'node:assert';
import { createRequire } from 'node:module';
const { SellingPartner } = createRequire(process.cwd() + '/')('amazon-sp-api');

const env = process.env;
const sp = new SellingPartner({
  region: 'eu',
  refresh_token: env.REFRESH_TOKEN,
  credentials: { SELLING_PARTNER_APP_CLIENT_ID: env.CLIENT_ID, SELLING_PARTNER_APP_CLIENT_SECRET: env.CLIENT_SECRET },
});
const orders = await sp.callAPI({ operation: 'orders.getOrders', query: { MarketplaceIds: [env.MARKETPLACE], CreatedAfter: '2026-01-01' }, options: { version: 'v0' } });
assert.equal(orders.Orders[0].AmazonOrderId, env.ORDER);
const patched = await sp.callAPI({
  operation: 'listingsItems.patchListingsItem', options: { version: '2021-08-01' },
  path: { sellerId: env.SELLER, sku: env.SKU }, query: { marketplaceIds: [env.MARKETPLACE] },
  body: {
    productType: 'PRODUCT',
    patches: [{ op: 'replace', path: '/attributes/fulfillment_availability', value: [{ fulfillment_channel_code: 'DEFAULT', quantity: 41 }] }],
  },
});
assert.equal(patched.status, 'ACCEPTED');
const document = await sp.callAPI({ operation: 'feeds.createFeedDocument', body: { contentType: 'application/json' } });
await sp.upload(document, { content: env.FEED, contentType: 'application/json' });
const made = await sp.callAPI({
  operation: 'feeds.createFeed', body: { feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [env.MARKETPLACE], inputFeedDocumentId: document.feedDocumentId },
});
assert.equal((await sp.callAPI({ operation: 'feeds.getFeed', path: { feedId: made.feedId } })).feedId, made.feedId);
const destination = await sp.callAPI({ operation: 'notifications.createDestination', body: { name: 'mine', resourceSpecification: { sqs: { arn: env.QUEUE } } } });
await sp.callAPI({
  operation: 'notifications.createSubscription', path: { notificationType: 'FEED_PROCESSING_FINISHED' },
  body: { payloadVersion: '1.0', destinationId: destination.destinationId },
});
