import assert from 'node:assert';
import { createRequire } from 'node:module';
import { upload } from './upload.mjs';
const require = createRequire(process.cwd() + '/');
const { SellingPartnerApiAuth, AuthorizationScope } = require('@sp-api-sdk/auth');
const { OrdersApiClient } = require('@sp-api-sdk/orders-api-v0');
const { ListingsItemsApiClient } = require('@sp-api-sdk/listings-items-api-2021-08-01');
const { FeedsApiClient } = require('@sp-api-sdk/feeds-api-2021-06-30');
const { NotificationsApiClient } = require('@sp-api-sdk/notifications-api-v1');

const env = process.env;
const application = { clientId: env.CLIENT_ID, clientSecret: env.CLIENT_SECRET };
const seller = { region: 'eu', auth: new SellingPartnerApiAuth({ ...application, refreshToken: env.REFRESH_TOKEN }) };
const grantless = { region: 'eu', auth: new SellingPartnerApiAuth({ ...application, scopes: [AuthorizationScope.NOTIFICATIONS] }) };
const orders = await new OrdersApiClient(seller).getOrders({ marketplaceIds: [env.MARKETPLACE], createdAfter: '2026-01-01' });
assert.equal(orders.data.payload.Orders[0].AmazonOrderId, env.ORDER);
const patched = await new ListingsItemsApiClient(seller).patchListingsItem({
  sellerId: env.SELLER, sku: env.SKU, marketplaceIds: [env.MARKETPLACE],
  body: {
    productType: 'PRODUCT',
    patches: [{ op: 'replace', path: '/attributes/fulfillment_availability', value: [{ fulfillment_channel_code: 'DEFAULT', quantity: 41 }] }],
  },
});
assert.equal(patched.data.status, 'ACCEPTED');
const feeds = new FeedsApiClient(seller);
const document = (await feeds.createFeedDocument({ body: { contentType: 'application/json' } })).data;
assert.equal(await upload(document.url, env.FEED), 200);
const body = { feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [env.MARKETPLACE], inputFeedDocumentId: document.feedDocumentId };
const feedId = (await feeds.createFeed({ body })).data.feedId;
assert.equal((await feeds.getFeed({ feedId })).data.feedId, feedId);
const destination = await new NotificationsApiClient(grantless).createDestination({ body: { name: 'mine', resourceSpecification: { sqs: { arn: env.QUEUE } } } });
await new NotificationsApiClient(seller).createSubscription({
  notificationType: 'FEED_PROCESSING_FINISHED', body: { payloadVersion: '1.0', destinationId: destination.data.payload.destinationId },
});
