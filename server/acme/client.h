// AcmeClient: one account at one server, and one order at a time (RFC 8555 section 7).
#pragma once

#include <functional>
#include <map>

#include "base/async.h"
#include "base/clock.h"
#include "server/acme/jose.h"
#include "server/acme/messages.h"

namespace hauspost::acme {

struct HttpQuestion {
  std::string method;  // HEAD, GET, POST
  std::string url;     // https
  std::string body;
};
struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string nonce;
  std::string location;
  std::int64_t retry_after_s = 0;  // 0: the server did not say
};
// Whoever carries questions. kUnavailable, kTimeout, kDenied (the server could not prove who it
// is).
using AskHttp = std::function<Task<Result<HttpAnswer>>(HttpQuestion question)>;

// Why an order comes to nothing.
struct Failure {
  std::string text;
  std::string type = {};           // see Problem::type
  std::int64_t retry_after_s = 0;  // seconds from now; 0: the server did not say
  bool final = false;              // trying the same again is of no use
  std::string terms = {};          // where they stand, when their agreement is missing
};
template <class T = void>
using Outcome = std::expected<T, Failure>;

struct AccountWishes {
  std::string directory;
  std::vector<std::string> contacts;  // "mailto:admin@example.org"
  bool terms_agreed = false;
  std::string eab_kid;  // empty: none
  Secret eab_key;
};

// What the administrator's side has to place before finish().
struct ToPlace {
  std::string name;
  std::string token;
  std::string key_authorization;
};

struct Issued {
  std::string certificate_pem;  // leaf first
  Secret key_pem;
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
};

// Times of one order. Tests shorten them.
struct Pace {
  Duration poll_least = std::chrono::seconds(1);
  Duration poll_most = std::chrono::seconds(15);
  Duration validation_time = std::chrono::minutes(4);
  Duration issue_time = std::chrono::minutes(4);
};

// REQUIRES: one thread, and one call at a time.
class AcmeClient {
 public:
  static constexpr unsigned kNonceTries = 20;  // of one request that the server calls badNonce

  AcmeClient(AskHttp ask, const Clock& clock, crypto::P256Key key, AccountWishes wishes,
             Pace pace = {})
      : ask_(std::move(ask)),
        clock_(clock),
        key_(std::move(key)),
        wishes_(std::move(wishes)),
        pace_(pace) {}

  // Finds or makes the account and begins an order; what has to be placed, empty when all names
  // were proved before. `challenge` is "http-01" or "tls-alpn-01".
  Task<Outcome<std::vector<ToPlace>>> begin(std::vector<std::string> names, std::string challenge);
  // Has the names checked, makes a key, and fetches the certificate, which is of that key and good
  // for every name. REQUIRES: begin() went well.
  Task<Outcome<Issued>> finish(bool rsa);
  // `reason`: RFC 5280 section 5.3.1.
  Task<Outcome<>> revoke(std::string certificate_der, unsigned reason);

 private:
  struct Pending {
    std::string name;
    std::string authorization;  // URL
    std::string challenge;      // URL
  };

  Task<Outcome<>> sign_in();
  Task<Outcome<>> read_directory();
  Task<Outcome<HttpAnswer>> new_account();
  Task<Outcome<>> update_contacts(std::string body);
  Task<Outcome<std::optional<ToPlace>>> look_at(std::string url);
  Task<Outcome<>> have_checked();
  Task<Outcome<>> wait_checked(const Pending& pending, std::chrono::steady_clock::time_point until);
  Task<Outcome<Order>> wait_order(bool ready_is_enough);
  Task<Outcome<Issued>> collect(const Order& order, Secret key_pem);
  // Signs with a nonce, again with another when the server wants that; `who` empty: by the key.
  Task<Outcome<HttpAnswer>> post(std::string url, std::string payload, bool by_key = false);
  Task<Outcome<HttpAnswer>> get(std::string url) { return post(std::move(url), {}); }
  Task<Outcome<HttpAnswer>> plain(std::string method, std::string url);
  Task<Outcome<std::string>> take_nonce();
  Task<Outcome<>> pause(const HttpAnswer& answer, Duration& delay,
                        std::chrono::steady_clock::time_point until);

  AskHttp ask_;
  const Clock& clock_;
  crypto::P256Key key_;
  AccountWishes wishes_;
  Pace pace_;
  Directory directory_;
  std::string account_;  // URL
  std::string nonce_;    // empty: none at hand
  std::vector<std::string> names_;
  std::string challenge_;  // its type
  std::string order_url_;
  Order order_;
  std::vector<Pending> pending_;
};

}  // namespace hauspost::acme
