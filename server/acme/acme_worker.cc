#include "server/acme/acme_worker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "base/tls/certificate_request.h"
#include "server/child/acme.pb.h"
#include "server/child/control.h"

namespace hauspost::acme {

namespace {

constexpr std::chrono::seconds kRequestTime{30};
constexpr std::chrono::seconds kHelperTime{35};  // then it is killed
// A server that says longer does not keep us from what it issues for so long.
constexpr std::int64_t kRetryAfterMost_s = 7 * 86'400;

child::HelperPool::Settings fetcher() {
  child::HelperPool::Settings settings;
  settings.program = child::helper_path("hauspost-acme-fetch");
  settings.processes_max = 1;
  settings.timeout = kHelperTime;
  return settings;
}

std::int64_t number_of(const helpers::Fields& fields, std::string_view name) {
  return helpers::number(fields, name);
}

std::string_view word_of(child::wire::AcmeChallengeKind kind) {
  switch (kind) {
    case child::wire::ACME_CHALLENGE_KIND_HTTP_01: return "http-01";
    case child::wire::ACME_CHALLENGE_KIND_TLS_ALPN_01: return "tls-alpn-01";
    default: return {};
  }
}

void to_wire(Failure failure, child::wire::AcmeFailure* out) {
  out->set_text(std::move(failure.text));
  out->set_type(std::move(failure.type));
  if (failure.retry_after_s > 0) {
    const auto now = std::chrono::floor<std::chrono::seconds>(system_clock().now());
    out->set_retry_after_s(now.time_since_epoch().count() + failure.retry_after_s);
  }
  out->set_final(failure.final);
  out->set_terms(std::move(failure.terms));
}

AccountWishes wishes_of(const child::wire::AcmeAccount& account) {
  return {account.directory(),
          {account.contacts().begin(), account.contacts().end()},
          account.terms_agreed(),
          account.eab_kid(),
          Secret(account.eab_key())};
}

template <class Message>
Result<Message> parsed(const std::string& body) {
  Message message;
  if (!message.ParseFromString(body))
    return fail(ErrorCode::kCorrupt, "acme: the call does not parse");
  return message;
}

// One call at a time: they share the client.
struct Turn {
  explicit Turn(bool& of) : busy(of) { busy = true; }
  ~Turn() { busy = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool& busy;
};

}  // namespace

AcmeWorker::AcmeWorker(Executor executor) : fetcher_(executor, fetcher()) {}

Result<std::unique_ptr<AcmeWorker>> AcmeWorker::open(Executor executor, const child::Settings&) {
  return std::unique_ptr<AcmeWorker>(new AcmeWorker(executor));
}

Result<> AcmeWorker::listen(const child::NamedDescriptor& listener) {
  return fail(ErrorCode::kInvalid, "acme: no use for a listener " + listener.name);
}

Task<void> AcmeWorker::stop() { co_return; }

Task<Result<HttpAnswer>> AcmeWorker::fetch(HttpQuestion question, std::string ca_file) {
  helpers::Fields fields{{"url", question.url},
                         {"method", std::move(question.method)},
                         {"body", std::move(question.body)},
                         {"ca_file", std::move(ca_file)},
                         {"timeout_s", std::to_string(kRequestTime.count())}};
  CO_TRY_ASSIGN(const helpers::Fields out, co_await fetcher_.ask(std::move(fields)));
  if (helpers::field(out, helpers::kOutcome) != helpers::kGood) {
    const bool untrusted = helpers::field(out, "kind") == "tls";
    co_return fail(untrusted ? ErrorCode::kDenied : ErrorCode::kUnavailable,
                   escape_for_log(helpers::field(out, helpers::kReason)));
  }
  HttpAnswer answer;
  answer.status = static_cast<int>(number_of(out, "status"));
  answer.body = std::string(helpers::field(out, "body"));
  answer.nonce = std::string(helpers::field(out, "nonce"));
  answer.location = std::string(helpers::field(out, "location"));
  answer.retry_after_s =
      std::clamp<std::int64_t>(number_of(out, "retry_after_s"), 0, kRetryAfterMost_s);
  log::info("acme.request", {{"url", question.url}, {"status", answer.status}});
  co_return answer;
}

namespace {

Result<std::unique_ptr<AcmeClient>> make_client(const child::wire::AcmeAccount& account,
                                                AskHttp ask) {
  TRY_ASSIGN(auto key, crypto::P256Key::from_pem(account.key_pem()));
  if (!is_https_url(account.directory())) {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" is no https URL", escape_for_log(account.directory())));
  }
  return std::make_unique<AcmeClient>(std::move(ask), system_clock(), std::move(key),
                                      wishes_of(account));
}

}  // namespace

Task<Result<std::string>> AcmeWorker::begin(std::string body) {
  CO_TRY_ASSIGN(const auto request, parsed<child::wire::AcmeBeginRequest>(body));
  const std::string_view challenge = word_of(request.challenge());
  if (challenge.empty() || request.names().empty() ||
      static_cast<std::size_t>(request.names_size()) > kNamesMax) {
    co_return fail(ErrorCode::kInvalid, "acme: an order without names or a challenge");
  }
  const std::string ca_file = request.account().ca_file();
  CO_TRY_ASSIGN(client_, make_client(request.account(), [this, ca_file](HttpQuestion question) {
                  return fetch(std::move(question), ca_file);
                }));
  const auto placed = co_await client_->begin({request.names().begin(), request.names().end()},
                                              std::string(challenge));
  child::wire::AcmeBeginReply reply;
  if (!placed) {
    to_wire(placed.error(), reply.mutable_failure());
    client_.reset();
    co_return reply.SerializeAsString();
  }
  for (const ToPlace& one : *placed) {
    child::wire::AcmeToPlace* out = reply.add_challenges();
    out->set_name(one.name);
    out->set_token(one.token);
    out->set_key_authorization(one.key_authorization);
  }
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> AcmeWorker::finish(std::string body) {
  CO_TRY_ASSIGN(const auto request, parsed<child::wire::AcmeFinishRequest>(body));
  if (!client_) co_return fail(ErrorCode::kInvalid, "acme: there is no order to finish");
  const auto issued = co_await client_->finish(request.rsa());
  client_.reset();
  child::wire::AcmeFinishReply reply;
  if (!issued) {
    to_wire(issued.error(), reply.mutable_failure());
    co_return reply.SerializeAsString();
  }
  reply.set_certificate_pem(issued->certificate_pem);
  reply.set_key_pem(std::string(issued->key_pem.reveal()));
  reply.set_not_before_s(issued->not_before.time_since_epoch().count());
  reply.set_not_after_s(issued->not_after.time_since_epoch().count());
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> AcmeWorker::revoke(std::string body) {
  CO_TRY_ASSIGN(const auto request, parsed<child::wire::AcmeRevokeRequest>(body));
  CO_TRY_ASSIGN(const std::string der, tls::certificate_der(request.certificate_pem()));
  const std::string ca_file = request.account().ca_file();
  CO_TRY_ASSIGN(const auto client,
                make_client(request.account(), [this, ca_file](HttpQuestion question) {
                  return fetch(std::move(question), ca_file);
                }));
  const auto revoked = co_await client->revoke(der, request.reason());
  child::wire::AcmeRevokeReply reply;
  if (!revoked) to_wire(revoked.error(), reply.mutable_failure());
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> AcmeWorker::handle_control(std::uint16_t method, std::string body) {
  if (busy_) co_return fail(ErrorCode::kUnavailable, "acme: an order is under way");
  const Turn turn(busy_);
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kAcmeBegin: co_return co_await begin(std::move(body));
    case child::ControlMethod::kAcmeFinish: co_return co_await finish(std::move(body));
    case child::ControlMethod::kAcmeRevoke: co_return co_await revoke(std::move(body));
    default: co_return fail(ErrorCode::kInvalid, "acme: unknown control method");
  }
}

}  // namespace hauspost::acme
