#include "server/frontend/frontend_calls.h"

#include <unistd.h>

#include <algorithm>

#include "server/child/acme.pb.h"
#include "server/child/control.h"
#include "server/child/descriptor_channel.h"
#include "server/child/frontend.pb.h"
#include "server/frontend/session_calls.h"

namespace hauspost::frontend {

namespace {

std::string certificates(const Frontend& frontend) {
  child::wire::CertificatesReply reply;
  for (const Certificates::Entry& entry : frontend.certificates()) {
    child::wire::Certificate* out = reply.add_certificates();
    out->set_certificate_file(entry.files.certificate_file);
    out->set_key_file(entry.files.key_file);
    out->set_in_use(entry.pem.has_value());
    out->set_error(entry.error);
    if (!entry.facts) continue;
    out->set_subject(entry.facts->subject);
    out->set_issuer(entry.facts->issuer);
    for (const std::string& name : entry.facts->names) out->add_names(name);
    out->set_not_before_s(entry.facts->not_before.time_since_epoch().count());
    out->set_not_after_s(entry.facts->not_after.time_since_epoch().count());
    out->set_key(entry.facts->key);
    out->set_fingerprint(entry.facts->fingerprint);
    out->set_self_issued(entry.facts->self_issued);
  }
  return reply.SerializeAsString();
}

std::string statistics(const Frontend& frontend) {
  child::wire::FrontendStatistics reply;
  for (const ListenerCount& count : frontend.counts()) {
    child::wire::ProtocolSessions* out = reply.add_listeners();
    out->set_listener(count.listener);
    out->set_sessions(count.sessions);
    out->set_logged_in(count.logged_in);
  }
  reply.set_accepted(frontend.accepted());
  reply.set_refused(frontend.refused());
  reply.set_evicted(frontend.evicted());
  return reply.SerializeAsString();
}

// What is not wanted any more was closed again before it came here.
void take(Frontend& frontend, std::span<const OpenListener> wanted,
          const child::NamedDescriptor& descriptor) {
  const auto found = std::ranges::find(wanted, descriptor.name, &OpenListener::name);
  if (found != wanted.end() && !frontend.listens(descriptor.name)) {
    const auto listening = frontend.listen(*found, descriptor.fd);
    if (listening) return;
    log::warning("listener.refused", {{"name", descriptor.name}, {"cause", listening.error()}});
  }
  ::close(descriptor.fd);
}

Result<std::string> change_listeners(Frontend& frontend, int channel, const std::string& body) {
  child::wire::ListenersRequest request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kCorrupt, "front-end: the list of listeners does not parse");
  std::vector<OpenListener> wanted;
  for (const auto& one : request.listeners())
    wanted.push_back({one.service(), one.name(), one.connector()});
  frontend.keep_listeners(wanted);
  if (channel >= 0) {
    TRY_ASSIGN(const auto descriptors, child::take_descriptors(channel));
    for (const child::NamedDescriptor& one : descriptors) take(frontend, wanted, one);
  }
  for (const OpenListener& one : wanted) {
    if (frontend.listens(one.name)) continue;
    return fail(ErrorCode::kUnavailable, "front-end: no descriptor came for listener " + one.name);
  }
  return std::string();
}

constexpr std::pair<std::string_view, link::Protocol> kProtocols[] = {
    {"imap", link::Protocol::kImap}, {"pop3", link::Protocol::kPop3}, {"smtp", link::Protocol::kSmtp}};

Result<std::string> end_logins(Frontend& frontend, const std::string& body) {
  child::wire::EndLoginsRequest request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kCorrupt, "front-end: what is to end does not parse");
  const auto account = Guid::from_bytes(request.account());
  if (!account) return fail(ErrorCode::kCorrupt, "front-end: what is to end has no account");
  LoginEnd end{*account, request.app_password(), request.whole()};
  child::wire::EndLoginsReply reply;
  std::size_t sessions = 0;
  if (request.protocols().empty()) {
    sessions = frontend.end_logins(std::move(end));
  } else {
    for (const auto& [word, protocol] : kProtocols) {
      if (std::ranges::find(request.protocols(), word) == request.protocols().end()) continue;
      end.protocol = protocol;
      sessions += frontend.end_logins(end);
    }
  }
  reply.set_sessions(static_cast<std::uint32_t>(sessions));
  return reply.SerializeAsString();
}

}  // namespace

namespace {

Result<std::string> prove(Frontend& frontend, const std::string& body) {
  child::wire::AlpnChallengesRequest request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kCorrupt, "front-end: what is to be proved does not parse");
  std::map<std::string, std::string> proofs;
  for (const child::wire::AlpnChallenge& one : request.challenges())
    proofs.insert_or_assign(one.name(), one.key_authorization());
  TRY(frontend.acme_challenges().replace(proofs));
  return std::string();
}

}  // namespace

Task<Result<std::string>> answer_call(Frontend& frontend, int channel, HandedFiles& files,
                                      std::uint16_t method, std::string body) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kCertificates: co_return certificates(frontend);
    case child::ControlMethod::kCertificateReload: {
      CO_TRY(files.take(std::move(body)));
      [[maybe_unused]] auto loaded = frontend.load_certificate();  // the reply tells what failed
      co_return certificates(frontend);
    }
    case child::ControlMethod::kFrontendStatistics: co_return statistics(frontend);
    case child::ControlMethod::kComponentsChanged:
      frontend.end_inactive();
      co_return std::string();
    case child::ControlMethod::kAlpnChallenges: co_return prove(frontend, body);
    case child::ControlMethod::kEndLogins: co_return end_logins(frontend, body);
    case child::ControlMethod::kSessionList: co_return list_sessions(frontend, body);
    case child::ControlMethod::kSessionKill: co_return kill_sessions(frontend, body);
    case child::ControlMethod::kListeners:
      co_return change_listeners(frontend, channel, body);
    default: co_return fail(ErrorCode::kInvalid, "front-end: unknown control method");
  }
}

}  // namespace hauspost::frontend
