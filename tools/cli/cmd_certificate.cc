#include <fmt/format.h>

#include <filesystem>

#include "base/clock.h"
#include "server/child/frontend.pb.h"
#include "tools/cli/cmd_certificate_acme.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::int64_t kCertificateWarningDays = 14;

struct CertificateOptions {
  std::string certificate;
  std::string key;
  bool dry_run = false;
};

using child::wire::Certificate;

std::int64_t days_left(const Certificate& certificate) {
  const auto now = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  const std::int64_t left = certificate.not_after_s() - now;
  return left < 0 ? -1 : left / (24 * 3600);
}

std::string certificate_state(const Certificate& certificate) {
  if (!certificate.in_use()) return "refused";
  if (!certificate.error().empty()) return "outdated";  // the files have changed for the worse
  if (days_left(certificate) < 0) return "expired";
  const auto now = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  if (certificate.renews_s() > now) return "good";  // the next is ordered in time
  return days_left(certificate) < kCertificateWarningDays ? "expires soon" : "good";
}

std::string names_text(const Certificate& certificate) {
  std::string out;
  for (const std::string& name : certificate.names()) out += (out.empty() ? "" : ", ") + name;
  return printable(out);
}

Json certificate_json(const Certificate& certificate) {
  Json names = Json::array();
  for (const std::string& name : certificate.names()) names.push_back(name);
  return {{"certificate_file", certificate.certificate_file()},
          {"key_file", certificate.key_file()},
          {"state", certificate_state(certificate)},
          {"error", certificate.error()},
          {"subject", certificate.subject()},
          {"issuer", certificate.issuer()},
          {"names", names},
          {"not_before_s", certificate.not_before_s()},
          {"not_after_s", certificate.not_after_s()},
          {"key", certificate.key()},
          {"fingerprint", certificate.fingerprint()},
          {"self_issued", certificate.self_issued()},
          {"order", certificate.order()},
          {"renews_s", certificate.renews_s()}};
}

// Who sees to it that there is another in time.
std::string origin_of(const Certificate& certificate) {
  if (!certificate.order().empty()) return "acme " + printable(certificate.order());
  return certificate.self_issued() ? "self" : "file";
}

template <class Repeated>
void show_certificates(Context& context, const Repeated& certificates) {
  Json all = Json::array();
  Table table({{"CERTIFICATE"}, {"NAMES"}, {"KEY"}, {"UNTIL"}, {"DAYS", true}, {"STATE"},
               {"FROM"}, {"RENEWS"}});
  for (const Certificate& one : certificates) {
    all.push_back(certificate_json(one));
    const bool known = one.in_use();
    table.add({printable(one.certificate_file()), names_text(one), one.key(),
               known ? human_time(one.not_after_s()) : "-",
               known ? std::to_string(days_left(one)) : "-", certificate_state(one),
               origin_of(one), one.renews_s() == 0 ? "-" : human_time(one.renews_s())});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
}

// The errors of what is not in use as its files are now; Exit::kPartial when there are any.
template <class Repeated>
Outcome<> refused_ones(const Repeated& certificates) {
  std::string text;
  for (const Certificate& one : certificates) {
    if (one.error().empty()) continue;
    text += fmt::format("{}{}", text.empty() ? "" : "; ", one.error());
  }
  if (text.empty()) return {};
  return std::unexpected(Failure{Exit::kPartial, "partial", text, true});
}

Outcome<> run_certificate_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::CertificateListRequest{}));
  show_certificates(context, reply.certificates());
  return {};
}

Outcome<> run_certificate_reload(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::CertificateReloadRequest{}));
  show_certificates(context, reply.certificates());
  return refused_ones(reply.certificates());
}

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

Outcome<> run_certificate_show(Context& context, CertificateOptions& options) {
  TRY_ASSIGN(const auto reply, context.ask(admin::CertificateListRequest{}));
  for (const Certificate& one : reply.certificates()) {
    const bool named = std::ranges::find(one.names(), options.certificate) != one.names().end();
    if (!named && one.certificate_file() != absolute(options.certificate)) continue;
    context.print(certificate_json(one));
    Table table({{"CERTIFICATE"}, {printable(one.certificate_file())}});
    table.add({"key file", printable(one.key_file())});
    table.add({"state", certificate_state(one)});
    if (!one.error().empty()) table.add({"error", printable(one.error())});
    table.add({"subject", printable(one.subject())});
    table.add({"issuer", one.self_issued() ? "itself" : printable(one.issuer())});
    table.add({"names", names_text(one)});
    table.add({"key", one.key()});
    table.add({"valid", human_time(one.not_before_s()) + " to " + human_time(one.not_after_s())});
    table.add({"sha-256", one.fingerprint()});
    table.add({"from", origin_of(one)});
    if (one.renews_s() != 0) table.add({"renews", human_time(one.renews_s())});
    context.say(table.render(0));
    return {};
  }
  return std::unexpected(Failure{Exit::kRefused, "not_found",
                                 fmt::format("no certificate {}: neither a file nor a name of one; "
                                             "see: hauspost certificate list",
                                             printable(options.certificate))});
}

Outcome<> run_certificate_add(Context& context, CertificateOptions& options) {
  admin::CertificateAddRequest request;
  request.set_name(absolute(options.certificate));
  request.set_key_file(absolute(options.key));
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_certificates(context, reply.certificates());
  return {};
}

Outcome<> run_certificate_remove(Context& context, CertificateOptions& options) {
  admin::CertificateRemoveRequest request;
  request.set_name(absolute(options.certificate));
  request.set_dry_run(options.dry_run);
  if (!options.dry_run) TRY(context.confirm("Show certificate " + request.name() + " no more?"));
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_certificates(context, reply.certificates());
  return {};
}

}  // namespace

void add_certificate_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "certificate", "What the front-end shows under TLS");
  add_verb(*noun, "list", "List the certificates, the default first", chosen,
           run_certificate_list);
  auto options = std::make_shared<CertificateOptions>();
  add_verb<CertificateOptions>(*noun, "show", "Show all of one certificate", chosen, options,
                               run_certificate_show)
      ->add_option("NAME", options->certificate, "Its file, or a name that it is good for")
      ->required();
  CLI::App* add = add_verb<CertificateOptions>(
      *noun, "add", "Show a further certificate to clients that ask for its names", chosen, options,
      run_certificate_add);
  add->add_option("--certificate", options->certificate, "PEM file: leaf, then intermediates")
      ->type_name("FILE")
      ->required();
  add->add_option("--key", options->key, "PEM file with its key")->type_name("FILE")->required();
  CLI::App* remove =
      add_verb<CertificateOptions>(*noun, "remove", "Show a further certificate no more; its "
                                   "files stay", chosen, options, run_certificate_remove);
  remove->add_option("FILE", options->certificate, "The certificate's file")->required();
  remove->add_flag("--dry-run", options->dry_run, "Check, change nothing");
  add_verb(*noun, "reload", "Read all files again, for handshakes from now on", chosen,
           run_certificate_reload);
  add_certificate_acme_commands(*noun, chosen);
}

}  // namespace hauspost::cli
