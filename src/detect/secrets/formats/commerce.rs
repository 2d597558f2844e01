//! Payment, commerce and identity.

use super::Class::{Alnum, Base64, Hex, Url};
use super::Part::{Fixed, Run};
use super::{Format, UUID, format, likely};

pub(super) const FORMATS: &[Format] = &[
    format("stripe-key", "Stripe live secret key", "sk_live_", &[Run(Alnum, 20, 247)]),
    format("stripe-key", "Stripe live restricted key", "rk_live_", &[Run(Alnum, 20, 247)]),
    likely("stripe-test-key", "Stripe test secret key", "sk_test_", &[Run(Alnum, 20, 247)]),
    likely("stripe-test-key", "Stripe test restricted key", "rk_test_", &[Run(Alnum, 20, 247)]),
    format("webhook-secret", "webhook signing secret", "whsec_", &[Run(Base64, 24, 80)]),
    format("square-token", "Square access token", "sq0atp-", &[Run(Url, 22, 22)]),
    format("square-secret", "Square OAuth secret", "sq0csp-", &[Run(Url, 43, 43)]),
    format("shopify-token", "Shopify access token", "shpat_", &[Run(Hex, 32, 32)]),
    format("shopify-token", "Shopify custom app token", "shpca_", &[Run(Hex, 32, 32)]),
    format("shopify-token", "Shopify private app token", "shppa_", &[Run(Hex, 32, 32)]),
    format("shopify-secret", "Shopify shared secret", "shpss_", &[Run(Hex, 32, 32)]),
    format("plaid-token", "Plaid access token", "access-production-", UUID),
    format(
        "braintree-token",
        "Braintree access token",
        "access_token$production$",
        &[Run(Alnum, 16, 16), Fixed("$"), Run(Hex, 32, 32)],
    ),
    format("flutterwave-key", "Flutterwave secret key", "FLWSECK-", &[Run(Alnum, 32, 40)]),
    format("razorpay-key", "Razorpay live key", "rzp_live_", &[Run(Alnum, 14, 20)]),
    format("easypost-key", "EasyPost API key", "EZAK", &[Run(Alnum, 54, 54)]),
    format("shippo-token", "Shippo live token", "shippo_live_", &[Run(Hex, 40, 40)]),
    format("duffel-token", "Duffel live token", "duffel_live_", &[Run(Url, 43, 43)]),
    likely("mollie-key", "Mollie live key", "live_", &[Run(Alnum, 30, 30)]),
    likely("gocardless-token", "GoCardless live token", "live_", &[Run(Url, 40, 40)]),
    likely("lob-key", "Lob live key", "live_", &[Run(Hex, 35, 35)]),
    format(
        "paddle-key",
        "Paddle API key",
        "pdl_live_apikey_",
        &[Run(Alnum, 26, 26), Fixed("_"), Run(Alnum, 22, 22), Fixed("_"), Run(Alnum, 3, 3)],
    ),
    format("woocommerce-key", "WooCommerce consumer key", "ck_", &[Run(Hex, 40, 40)]),
    format("woocommerce-secret", "WooCommerce consumer secret", "cs_", &[Run(Hex, 40, 40)]),
    format("xendit-key", "Xendit secret key", "xnd_production_", &[Run(Alnum, 40, 80)]),
    format("midtrans-key", "Midtrans server key", "Mid-server-", &[Run(Url, 24, 32)]),
    format("cashfree-secret", "Cashfree secret key", "cfsk_ma_prod_", &[Run(Hex, 32, 32), Fixed("_"), Run(Hex, 8, 8)]),
    format("polar-token", "Polar access token", "polar_oat_", &[Run(Alnum, 43, 60)]),
    format("persona-key", "Persona API key", "persona_production_", &[Run(Url, 30, 40)]),
    format("onfido-token", "Onfido live token", "api_live.", &[Run(Url, 11, 11), Fixed("."), Run(Url, 32, 32)]),
    format("stytch-secret", "Stytch live secret", "secret-live-", &[Run(Url, 36, 40)]),
];
