#include "transport/filter/milter_chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "transport/filter/milter_address.h"
#include "transport/send/dialer.h"

namespace hauspost::transport {

namespace {

using Kind = milter::Answer::Kind;
using milter::Macros;
using milter::Verdict;
using smtp::Reply;

const Reply kFilterDown{451, "4.7.1", "Service unavailable, try again later"};

std::vector<std::string> mail_arguments(const smtp::MailCommand& mail) {
  std::vector<std::string> out{
      fmt::format("<{}>", mail.from ? mail.from->to_string() : std::string())};
  if (mail.size) out.push_back(fmt::format("SIZE={}", *mail.size));
  if (mail.body == smtp::BodyType::k8BitMime) out.emplace_back("BODY=8BITMIME");
  if (mail.smtputf8) out.emplace_back("SMTPUTF8");
  return out;
}

}  // namespace

MilterChain::MilterChain(const FilterSettings& settings, const FilterClient& client,
                         std::string hostname)
    : hostname_(std::move(hostname)), start_(client.start), connector_(client.connector) {
  for (const Milter& milter : settings.milters) {
    if (milter.enabled && (milter.users_too || !client.authenticated))
      links_.push_back({.settings = &milter});
  }
  std::ranges::sort(links_, {}, [](const Link& link) {
    return std::pair(link.settings->priority, std::string_view(link.settings->name));
  });
}

Macros MilterChain::session_macros() const {
  Macros macros{{"j", hostname_},
                {"{daemon_name}", connector_.empty() ? "smtp" : connector_},
                {"v", "Hauspost " HAUSPOST_VERSION}};
  if (start_.tls) {
    macros.emplace_back("{tls_version}", start_.tls_version);
    macros.emplace_back("{cipher}", start_.tls_cipher);
  }
  return macros;
}

Task<Result<Verdict>> MilterChain::greet(Link& link, std::string client_name) {
  const auto where = parse_milter_address(link.settings->address);
  if (!where) co_return fail(ErrorCode::kInvalid, "not an address: " + link.settings->address);
  CO_TRY_ASSIGN(auto dialled, co_await dial({.address = where->address, .port = where->port},
                                            Seconds(link.settings->connect_s)));
  link.client = std::make_unique<milter::MilterClient>(std::move(dialled.stream), *link.settings);
  CO_TRY(co_await link.client->negotiate());
  if (client_name.empty()) client_name = fmt::format("[{}]", start_.client_address);
  CO_TRY_ASSIGN(Verdict said,
                co_await link.client->connect(std::move(client_name), start_.client_address,
                                              start_.client_port, session_macros()));
  if (said.kind != Kind::kContinue) co_return said;
  co_return co_await link.client->hello(start_.hello, session_macros());
}

// What an answer before the end of the message means for the client.
std::optional<Reply> MilterChain::take(Link& link, const Result<Verdict>& said,
                                       std::string_view step, std::string_view refusal) {
  if (!said) {
    log::warning("milter.failed",
                 {{"milter", link.settings->name}, {"step", step}, {"cause", said.error()}});
    link.client.reset();
    link.in_transaction = false;
    if (link.settings->on_failure == Milter::OnFailure::kTempfail) return kFilterDown;
    link.silent = true;
    return std::nullopt;
  }
  switch (said->kind) {
    case Kind::kAccept: link.done = true; return std::nullopt;
    case Kind::kReject: return Reply{550, "5.7.1", std::string(refusal)};
    case Kind::kTempfail: return kFilterDown;
    case Kind::kReply: return said->reply;
    case Kind::kDiscard:
      link.done = true;
      discarded_by_ = link.settings->name;
      return std::nullopt;
    default: return std::nullopt;
  }
}

Task<std::optional<Reply>> MilterChain::mail(const smtp::MailCommand& mail,
                                             std::string client_name) {
  for (Link& link : links_) {
    if (link.silent) continue;
    if (link.closed) co_return link.closed;
    if (!link.client) {
      const auto said = co_await greet(link, client_name);
      auto refused = take(link, said, "connect", "Connection refused by a filter");
      if (said && said->kind == Kind::kAccept) link.silent = true;
      if (said) link.closed = refused;
      if (refused) co_return refused;
      if (link.silent || !link.client) continue;
    }
    if (link.in_transaction) {
      [[maybe_unused]] const auto told = co_await link.client->abort();
      link.in_transaction = false;
    }
    Macros macros = session_macros();
    if (mail.from) macros.emplace_back("{mail_addr}", mail.from->to_string());
    if (!start_.user.empty()) {
      macros.emplace_back("{auth_authen}", start_.user);
      macros.emplace_back("{auth_type}", "SASL");
    }
    link.in_transaction = true;
    const auto said = co_await link.client->mail(mail_arguments(mail), std::move(macros));
    if (auto refused = take(link, said, "mail", "Sender refused by a filter")) co_return refused;
  }
  co_return std::nullopt;
}

Task<std::optional<Reply>> MilterChain::rcpt(const std::string& path) {
  for (Link& link : links_) {
    if (link.silent || link.done) continue;
    if (!link.client) co_return kFilterDown;  // it failed in this transaction
    const auto said =
        co_await link.client->rcpt({fmt::format("<{}>", path)}, {{"{rcpt_addr}", path}});
    if (auto refused = take(link, said, "rcpt", "Recipient refused by a filter")) co_return refused;
  }
  co_return std::nullopt;
}

Task<MilterOutcome> MilterChain::message(MessageParts& parts, const std::string& id) {
  MilterOutcome outcome;
  if (!discarded_by_.empty()) {
    outcome.quarantine = "discarded";
    outcome.by = discarded_by_;
    co_return outcome;
  }
  for (Link& link : links_) {
    if (link.silent || link.done) continue;
    if (!link.client) {  // it failed in this transaction
      outcome.by = link.settings->name;
      outcome.refused = kFilterDown;
      co_return outcome;
    }
    parts.begin_changes();
    const std::string body = parts.body();  // the conversation reads it, changes replace it
    Macros macros = session_macros();
    macros.emplace_back("i", id);
    auto said = co_await link.client->message(parts.fields(), body, std::move(macros));
    link.in_transaction = false;
    outcome.by = link.settings->name;
    outcome.refused = take(link, said, "message", "Message refused by a filter");
    if (outcome.refused) co_return outcome;
    if (!said) continue;
    for (milter::Answer& change : said->changes) {
      if (change.kind == Kind::kQuarantine) {
        outcome.quarantine = change.value.empty() ? "quarantined" : change.value;
      } else if (!parts.apply(change)) {
        outcome.envelope.push_back(std::move(change));
      }
    }
    if (said->kind == Kind::kDiscard) outcome.quarantine = "discarded";
    if (!outcome.quarantine.empty()) co_return outcome;
  }
  outcome.by.clear();
  co_return outcome;
}

void MilterChain::reset() {
  for (Link& link : links_) link.done = false;
  discarded_by_.clear();
}

}  // namespace hauspost::transport
