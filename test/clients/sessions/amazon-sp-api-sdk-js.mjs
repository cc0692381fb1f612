import assert from 'node:assert';
import { createRequire } from 'node:module';
const { OrdersSpApi, ListingsitemsSpApi, FeedsSpApi, NotificationsSpApi } =
  await import(createRequire(process.cwd() + '/').resolve('@amazon-sp-api-release/amazon-sp-api-sdk-js'));

const env = process.env;
const client = (api, scope = null) => {
  const made = new api.ApiClient('https://sellingpartnerapi-eu.amazon.com');
  made.enableAutoRetrievalAccessToken(env.CLIENT_ID, env.CLIENT_SECRET, scope ? null : env.REFRESH_TOKEN, scope);
  return made;
};
const orders = await new OrdersSpApi.OrdersV0Api(client(OrdersSpApi)).getOrders([env.MARKETPLACE], { createdAfter: '2026-01-01' });
assert.equal(orders.payload.orders[0].amazonOrderId, env.ORDER);
const patched = await new ListingsitemsSpApi.ListingsApi(client(ListingsitemsSpApi)).patchListingsItem(env.SELLER, env.SKU, [env.MARKETPLACE], {
  productType: 'PRODUCT',
  patches: [{ op: 'replace', path: '/attributes/fulfillment_availability', value: [{ fulfillment_channel_code: 'DEFAULT', quantity: 41 }] }],
});
assert.equal(patched.status, 'ACCEPTED');
const feeds = new FeedsSpApi.FeedsApi(client(FeedsSpApi));
const document = await feeds.createFeedDocument({ contentType: 'application/json' });
const uploaded = await (await import('./upload.mjs')).upload(document.url, env.FEED);
assert.equal(uploaded, 200);
const made = await feeds.createFeed({ feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [env.MARKETPLACE], inputFeedDocumentId: document.feedDocumentId });
assert.equal((await feeds.getFeed(made.feedId)).feedId, made.feedId);
const grantless = new NotificationsSpApi.NotificationsApi(client(NotificationsSpApi, 'sellingpartnerapi::notifications'));
const destination = await grantless.createDestination({ name: 'mine', resourceSpecification: { sqs: { arn: env.QUEUE } } });
await new NotificationsSpApi.NotificationsApi(client(NotificationsSpApi)).createSubscription('FEED_PROCESSING_FINISHED',
  { payloadVersion: '1.0', destinationId: destination.payload.destinationId });
