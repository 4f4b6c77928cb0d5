#include <unistd.h>

#include <fmt/format.h>

#include "server/child/control.h"
#include "server/child/control.pb.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

admin::ProcessState to_wire(ChildProcess::State state) {
  switch (state) {
    case ChildProcess::State::kStarting: return admin::PROCESS_STATE_STARTING;
    case ChildProcess::State::kRunning: return admin::PROCESS_STATE_RUNNING;
    case ChildProcess::State::kWaiting: return admin::PROCESS_STATE_WAITING;
    case ChildProcess::State::kQuarantined: return admin::PROCESS_STATE_QUARANTINED;
    case ChildProcess::State::kStopping: return admin::PROCESS_STATE_STOPPING;
    case ChildProcess::State::kStopped: return admin::PROCESS_STATE_STOPPING;
  }
  return admin::PROCESS_STATE_UNSPECIFIED;
}

void describe(const ChildProcess& child, admin::Process& out) {
  const ChildProcess::Facts& facts = child.facts();
  out.set_name(child.name());
  out.set_pid(static_cast<std::uint64_t>(facts.pid));
  out.set_started_s(facts.pid == 0 ? 0 : facts.started_s);
  out.set_state(to_wire(facts.state));
  out.set_crashes(facts.crashes);
  out.set_last_death(facts.last_death);
  if (child.name().starts_with("store ")) out.set_database(child.name().substr(6));
}

}  // namespace

std::vector<admin::Service> list_services(const directory::DirectoryReader& reader) {
  std::vector<admin::Service> out;
  for (const directory::ServiceInfo& info : directory::kServices) {
    admin::Service service;
    service.set_name(std::string(info.name));
    service.set_enabled(reader.service_enabled(info.name).value_or(false));
    out.push_back(std::move(service));
  }
  return out;
}

Task<Result<admin::StatusReply>> AdminService::status(admin::StatusRequest) {
  admin::StatusReply reply;
  reply.set_version(HAUSPOST_VERSION);
  reply.set_hostname(supervisor_.settings().hostname);
  reply.set_data_root(supervisor_.options().data_root);
  reply.set_pid(static_cast<std::uint64_t>(::getpid()));
  reply.set_started_s(supervisor_.started_s());
  for (ChildProcess* child :
       {&supervisor_.auth(), &supervisor_.frontend(), &supervisor_.transport()}) {
    supervisor::describe(*child, *reply.add_processes());
  }
  // Runs only while it is wanted.
  if (supervisor_.web().facts().state != ChildProcess::State::kStopped)
    supervisor::describe(supervisor_.web(), *reply.add_processes());
  for (ChildProcess* store : supervisor_.stores().all())
    supervisor::describe(*store, *reply.add_processes());
  for (const FrontendListeners::Listener& listener : supervisor_.listeners().all()) {
    admin::Listener* out = reply.add_listeners();
    out->set_service(listener.settings.service);
    out->set_address(listener.settings.address);
    out->set_port(listener.settings.port);
    out->set_open(static_cast<bool>(listener.fd));
  }
  for (admin::Service& service : list_services(supervisor_.directory().reader()))
    *reply.add_services() = std::move(service);
  CO_TRY_ASSIGN(const auto databases, supervisor_.directory().reader().databases());
  for (const directory::DatabaseEntry& database : databases) {
    CO_TRY_ASSIGN(*reply.add_databases(), co_await describe_database(database));
  }
  co_await note_warnings(reply);
  co_return reply;
}

Task<Result<admin::StopReply>> AdminService::stop(admin::StopRequest) {
  supervisor_.ask_to_stop();
  co_return admin::StopReply();
}

Task<Result<admin::ServiceEnableReply>> AdminService::service_enable(
    admin::ServiceEnableRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY(co_await supervisor_.switch_services({request.names().begin(), request.names().end()},
                                              true));
  admin::ServiceEnableReply reply;
  for (admin::Service& service : list_services(supervisor_.directory().reader()))
    *reply.add_services() = std::move(service);
  co_return reply;
}

Task<Result<admin::ServiceDisableReply>> AdminService::service_disable(
    admin::ServiceDisableRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY(co_await supervisor_.switch_services({request.names().begin(), request.names().end()},
                                              false));
  admin::ServiceDisableReply reply;
  for (admin::Service& service : list_services(supervisor_.directory().reader()))
    *reply.add_services() = std::move(service);
  co_return reply;
}

Task<Result<admin::ServiceListReply>> AdminService::service_list(admin::ServiceListRequest) {
  admin::ServiceListReply reply;
  for (admin::Service& service : list_services(supervisor_.directory().reader()))
    *reply.add_services() = std::move(service);
  co_return reply;
}

}  // namespace hauspost::supervisor
