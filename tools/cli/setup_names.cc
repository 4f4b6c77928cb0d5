// Steps of `hauspost setup` about what the world believes of our names: MTA-STS, certificates.
#include "server/supervisor/admin_acme_api.h"
#include "server/supervisor/admin_web_api.h"
#include "tools/cli/setup_run.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

constexpr char kUsualAcmeDirectory[] = "https://acme-v02.api.letsencrypt.org/directory";

}  // namespace

Outcome<> find_names_state(Context& context, SetupState& state) {
  TRY_ASSIGN(const auto web, context.ask(admin::WebShowRequest{}));
  if (!web.settings().mta_sts_mode().empty()) state.sts_mode = web.settings().mta_sts_mode();
  TRY_ASSIGN(const auto orders, context.ask(admin::AcmeShowRequest{}));
  state.acme = orders.orders_size() > 0;
  return {};
}

Outcome<> set_sts_mode(Context& context, const std::string& mode) {
  admin::WebSetRequest request;
  request.set_mta_sts_mode(mode);
  TRY(context.ask(request));
  return {};
}

// The order goes on in the server, and tries again until its names lead here.
Outcome<StepOutcome> order_certificates(Context& context, const Answers& answers) {
  TRY_ASSIGN(const ZoneFacts facts, zone_facts(context));
  admin::AcmeEnableRequest request;
  admin::AcmeOrder* order = request.mutable_order();
  for (const std::string& name : certificate_names(facts)) {
    if (order->name().empty()) order->set_name(name);
    order->add_names(name);
  }
  request.set_name(order->name());
  const std::string directory = answers.text("acme-directory");
  order->set_directory(directory.empty() ? kUsualAcmeDirectory : directory);
  if (const std::string who = answers.text("administrator"); !who.empty() && who != "none")
    order->add_contacts(who);
  order->set_challenge(answers.text("acme-challenge"));
  order->set_ca_file(answers.text("acme-ca-file"));
  request.set_agree_terms(answers.yes("agree-terms"));
  TRY(context.ask(request));
  return StepOutcome{};
}

}  // namespace hauspost::cli
