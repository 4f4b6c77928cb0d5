#include "server/frontend/frontend_calls.h"

#include "server/child/control.h"
#include "server/child/frontend.pb.h"

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

}  // namespace

Task<Result<std::string>> answer_call(Frontend& frontend, std::uint16_t method) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kCertificates: co_return certificates(frontend);
    case child::ControlMethod::kCertificateReload: {
      [[maybe_unused]] auto loaded = frontend.load_certificate();  // the reply tells what failed
      co_return certificates(frontend);
    }
    case child::ControlMethod::kFrontendStatistics: co_return statistics(frontend);
    case child::ControlMethod::kComponentsChanged:
      frontend.end_inactive();
      co_return std::string();
    default: co_return fail(ErrorCode::kInvalid, "front-end: unknown control method");
  }
}

}  // namespace hauspost::frontend
