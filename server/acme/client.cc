#include "server/acme/client.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "base/tls/certificate_facts.h"
#include "base/tls/certificate_request.h"

namespace hauspost::acme {

namespace {

using Json = nlohmann::ordered_json;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr int kOk = 200;
constexpr int kErrors = 400;
constexpr std::size_t kNonceMax = 512;
// Those that no repetition makes good: the administrator has to change something.
constexpr std::string_view kFinalTypes[] = {"unsupportedIdentifier", "rejectedIdentifier",
                                            "userActionRequired",    "externalAccountRequired",
                                            "unsupportedContact",    "invalidContact"};

std::unexpected<Failure> failed(std::string text) {
  return std::unexpected(Failure{std::move(text)});
}
std::unexpected<Failure> failed(const Error& error) { return failed(error.text); }

std::unexpected<Failure> refused(std::string_view what, const Problem& problem,
                                 std::int64_t retry_after_s) {
  Failure failure{fmt::format("{}: {}", what, problem.text()), problem.type, retry_after_s};
  failure.final = std::ranges::find(kFinalTypes, problem.type) != std::end(kFinalTypes);
  return std::unexpected(std::move(failure));
}

// TRY_ASSIGN's fellow for what yields an Error.
template <class T>
Outcome<T> checked(Result<T> result) {
  if (!result) return failed(result.error());
  return std::move(*result);
}

// What may stand in what we sign; anything else is as good as none (section 6.5.1, which has it in
// base64url, is kept by most).
std::string usable_nonce(const std::string& nonce) {
  const auto fits = [](char c) { return c > ' ' && c < 0x7f; };
  return nonce.size() <= kNonceMax && std::ranges::all_of(nonce, fits) ? nonce : std::string();
}

std::string names_text(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Task<Outcome<HttpAnswer>> AcmeClient::plain(std::string method, std::string url) {
  auto answer = co_await ask_({std::move(method), url, {}});
  if (!answer) co_return failed(fmt::format("{}: {}", url, answer.error().text));
  if (answer->status >= kErrors || answer->status < kOk) {
    co_return refused(url, parse_problem(answer->body, answer->status), answer->retry_after_s);
  }
  co_return std::move(*answer);
}

Task<Outcome<std::string>> AcmeClient::take_nonce() {
  if (!nonce_.empty()) co_return std::exchange(nonce_, {});
  CO_TRY_ASSIGN(const HttpAnswer answer, co_await plain("HEAD", directory_.new_nonce));
  std::string nonce = usable_nonce(answer.nonce);
  if (nonce.empty()) co_return failed(directory_.new_nonce + ": the server gave no nonce");
  co_return nonce;
}

Task<Outcome<HttpAnswer>> AcmeClient::post(std::string url, std::string payload, bool by_key) {
  for (unsigned tried = 1;; ++tried) {
    Signing signing{url, {}, by_key ? std::string() : account_};
    CO_TRY_ASSIGN(signing.nonce, co_await take_nonce());
    auto answer = co_await ask_({"POST", url, signed_request(key_, signing, payload)});
    if (!answer) co_return failed(fmt::format("{}: {}", url, answer.error().text));
    nonce_ = usable_nonce(answer->nonce);
    if (answer->status >= kOk && answer->status < 300) co_return std::move(*answer);
    const Problem problem = parse_problem(answer->body, answer->status);
    if (problem.type == "badNonce" && tried < kNonceTries) continue;  // section 6.5
    co_return refused(url, problem, answer->retry_after_s);
  }
}

Task<Outcome<>> AcmeClient::read_directory() {
  CO_TRY_ASSIGN(const HttpAnswer answer, co_await plain("GET", wishes_.directory));
  auto directory = parse_directory(answer.body);
  if (!directory)
    co_return failed(fmt::format("{}: {}", wishes_.directory, directory.error().text));
  directory_ = std::move(*directory);
  if (!directory_.terms.empty() && !wishes_.terms_agreed) {
    co_return std::unexpected(Failure{.text = "the server's terms of service are not agreed to; "
                                              "read them at " +
                                              directory_.terms,
                                      .type = "userActionRequired",
                                      .final = true,
                                      .terms = directory_.terms});
  }
  if (directory_.needs_binding && wishes_.eab_kid.empty()) {
    co_return std::unexpected(Failure{.text = "the server takes accounts only with a key that it "
                                              "gave out before: get one there, then --eab-kid and "
                                              "--eab-key-file",
                                      .type = "externalAccountRequired",
                                      .final = true});
  }
  co_return Outcome<>{};
}

Task<Outcome<HttpAnswer>> AcmeClient::new_account() {
  Json wish = Json::object();
  wish["termsOfServiceAgreed"] = wishes_.terms_agreed;
  if (!wishes_.contacts.empty()) wish["contact"] = wishes_.contacts;
  if (!wishes_.eab_kid.empty()) {
    wish["externalAccountBinding"] = Json::parse(
        external_binding(key_, wishes_.eab_kid, wishes_.eab_key.reveal(), directory_.new_account));
  }
  co_return co_await post(directory_.new_account, wish.dump(), true);
}

// Section 7.3.2: the account is the same, who answers for it may have changed.
Task<Outcome<>> AcmeClient::update_contacts(std::string body) {
  CO_TRY_ASSIGN(const Account account, checked(parse_account(body)));
  if (account.status != Status::kValid) {
    co_return std::unexpected(Failure{
        .text = "the account at the server is closed; remove DATA/secrets/acme to get another",
        .final = true});
  }
  // A server need not tell contacts, and then there is nothing to compare.
  if (account.contacts.empty() || account.contacts == wishes_.contacts) co_return Outcome<>{};
  CO_TRY(co_await post(account_, Json{{"contact", wishes_.contacts}}.dump()));
  co_return Outcome<>{};
}

Task<Outcome<>> AcmeClient::sign_in() {
  CO_TRY(co_await read_directory());
  CO_TRY_ASSIGN(HttpAnswer answer, co_await new_account());
  if (!is_https_url(answer.location))
    co_return failed(directory_.new_account + ": the server does not say which account it is");
  account_ = answer.location;
  co_return co_await update_contacts(std::move(answer.body));
}

Task<Outcome<std::optional<ToPlace>>> AcmeClient::look_at(std::string url) {
  CO_TRY_ASSIGN(const HttpAnswer answer, co_await get(url));
  CO_TRY_ASSIGN(const Authorization found, checked(parse_authorization(answer.body)));
  if (found.status == Status::kValid) co_return std::nullopt;  // proved before
  if (found.status != Status::kPending)
    co_return failed(found.name + ": the server's permission for the name is over; try again");
  const auto challenge = std::ranges::find(found.challenges, challenge_, &Challenge::type);
  if (challenge == found.challenges.end() || challenge->token.empty()) {
    std::string offered;
    for (const Challenge& one : found.challenges) offered += " " + one.type;
    co_return std::unexpected(
        Failure{.text = fmt::format("{}: the server does not offer {}, but:{}", found.name,
                                    challenge_, offered),
                .final = true});
  }
  pending_.push_back({found.name, std::move(url), challenge->url});
  co_return ToPlace{found.name, challenge->token, key_authorization(challenge->token, key_)};
}

Task<Outcome<std::vector<ToPlace>>> AcmeClient::begin(std::vector<std::string> names,
                                                      std::string challenge) {
  names_ = std::move(names);
  challenge_ = std::move(challenge);
  pending_.clear();
  CO_TRY(co_await sign_in());
  Json wish{{"identifiers", Json::array()}};
  for (const std::string& name : names_)
    wish["identifiers"].push_back({{"type", "dns"}, {"value", name}});
  CO_TRY_ASSIGN(const HttpAnswer answer, co_await post(directory_.new_order, wish.dump()));
  if (!is_https_url(answer.location))
    co_return failed(directory_.new_order + ": the server does not say which order it is");
  order_url_ = answer.location;
  CO_TRY_ASSIGN(order_, checked(parse_order(answer.body)));
  std::vector<ToPlace> all;
  for (const std::string& url : order_.authorizations) {
    CO_TRY_ASSIGN(auto one, co_await look_at(url));
    if (one) all.push_back(std::move(*one));
  }
  co_return all;
}

Task<Outcome<>> AcmeClient::pause(const HttpAnswer& answer, Duration& delay, TimePoint until) {
  Duration wait = delay;
  if (answer.retry_after_s > 0)
    wait = std::max<Duration>(
        wait, std::chrono::seconds(std::min<std::int64_t>(answer.retry_after_s, 3600)));
  wait = std::min(wait, pace_.poll_most);
  delay = std::min<Duration>(delay * 2, pace_.poll_most);
  if (std::chrono::steady_clock::now() + wait > until)
    co_return failed(names_text(names_) + ": the server did not decide in time");
  if (const auto slept = co_await sleep_for(wait); !slept) co_return failed(slept.error());
  co_return Outcome<>{};
}

// Until the server has decided about one name.
Task<Outcome<>> AcmeClient::wait_checked(const Pending& pending, TimePoint until) {
  Duration delay = pace_.poll_least;
  for (;;) {
    CO_TRY_ASSIGN(const HttpAnswer answer, co_await get(pending.authorization));
    CO_TRY_ASSIGN(const Authorization found, checked(parse_authorization(answer.body)));
    if (found.status == Status::kValid) co_return Outcome<>{};
    if (found.status != Status::kPending) {
      Problem problem{{}, "the server could not verify the name", {}};
      for (const Challenge& one : found.challenges) {
        if (one.error) problem = *one.error;
      }
      co_return refused(pending.name, problem, 0);
    }
    CO_TRY(co_await pause(answer, delay, until));
  }
}

Task<Outcome<>> AcmeClient::have_checked() {
  const TimePoint until = std::chrono::steady_clock::now() + pace_.validation_time;
  for (const Pending& pending : pending_) CO_TRY(co_await post(pending.challenge, "{}"));
  // All of them, so that the administrator hears of every name at once.
  std::optional<Failure> first;
  for (const Pending& pending : pending_) {
    auto decided = co_await wait_checked(pending, until);
    if (decided) continue;
    if (first)
      first->text += "; " + decided.error().text;
    else
      first = std::move(decided).error();
  }
  if (first) co_return std::unexpected(std::move(*first));
  co_return Outcome<>{};
}

Task<Outcome<Order>> AcmeClient::wait_order(bool ready_is_enough) {
  const TimePoint until = std::chrono::steady_clock::now() + pace_.issue_time;
  Duration delay = pace_.poll_least;
  for (;;) {
    CO_TRY_ASSIGN(const HttpAnswer answer, co_await get(order_url_));
    CO_TRY_ASSIGN(Order order, checked(parse_order(answer.body)));
    if (order.status == Status::kValid || (ready_is_enough && order.status == Status::kReady))
      co_return order;
    if (order.status != Status::kPending && order.status != Status::kReady &&
        order.status != Status::kProcessing) {
      const Problem problem =
          order.error.value_or(Problem{{}, "the server ended the order without a reason", {}});
      co_return refused(names_text(names_), problem, 0);
    }
    CO_TRY(co_await pause(answer, delay, until));
  }
}

Task<Outcome<Issued>> AcmeClient::collect(const Order& order, Secret key_pem) {
  if (order.certificate.empty()) co_return failed(order_url_ + ": done, but no certificate");
  CO_TRY_ASSIGN(HttpAnswer answer, co_await get(order.certificate));
  // What we show our clients is what we asked for, whatever the server thinks.
  if (const auto ours = tls::check_key_of(answer.body, key_pem.reveal()); !ours)
    co_return failed(names_text(names_) + ": " + ours.error().text);
  CO_TRY_ASSIGN(const tls::CertificateFacts facts, checked(tls::certificate_facts(answer.body)));
  for (const std::string& name : names_) {
    const auto fits = [&](const std::string& pattern) { return tls::name_matches(pattern, name); };
    if (std::ranges::none_of(facts.names, fits))
      co_return failed(name + ": the certificate that the server issued is not for it");
  }
  if (facts.not_after <= clock_.now())
    co_return failed(names_text(names_) +
                     ": the certificate that the server issued has expired, "
                     "or the clock of this machine is wrong");
  co_return Issued{std::move(answer.body), std::move(key_pem), facts.not_before, facts.not_after};
}

Task<Outcome<Issued>> AcmeClient::finish(bool rsa) {
  CO_TRY(co_await have_checked());
  CO_TRY_ASSIGN(const Order ready, co_await wait_order(true));
  // An order that is done already is not of a key that we have.
  if (ready.status == Status::kValid) co_return failed(order_url_ + ": the order is done already");
  CO_TRY_ASSIGN(tls::CertificateRequest request,
                checked(tls::make_certificate_request(names_, rsa)));
  const Json wish{{"csr", base64url(request.der)}};
  CO_TRY(co_await post(ready.finalize, wish.dump()));
  CO_TRY_ASSIGN(const Order done, co_await wait_order(false));
  co_return co_await collect(done, std::move(request.key_pem));
}

Task<Outcome<>> AcmeClient::revoke(std::string certificate_der, unsigned reason) {
  CO_TRY(co_await sign_in());
  if (directory_.revoke_cert.empty()) {
    co_return std::unexpected(Failure{
        .text = wishes_.directory + ": the server does not revoke certificates", .final = true});
  }
  const Json wish{{"certificate", base64url(certificate_der)}, {"reason", reason}};
  auto answer = co_await post(directory_.revoke_cert, wish.dump());
  if (!answer && answer.error().type == "alreadyRevoked") co_return Outcome<>{};
  CO_TRY(std::move(answer));
  co_return Outcome<>{};
}

}  // namespace hauspost::acme
