// hauspost init: a new data root, whole or not at all. Everything is written into a folder beside
// it that takes its name in the last step. Settings that live elsewhere come after it: without them
// no server starts, and the same call again goes on from there.
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/random.h"
#include "base/text.h"
#include "base/tls/certificate.h"
#include "server/supervisor/settings.h"
#include "tools/cli/commands.h"
#include "tools/cli/init.h"

namespace hauspost::cli {

namespace {

namespace fs = std::filesystem;

constexpr int kPortBaseMin = 1024;
constexpr int kPortBaseMax = 65535 - 995;
constexpr std::string_view kCertificateFile = "tls/certificate.pem";
constexpr std::string_view kKeyFile = "tls/key.pem";

struct StandardPort {
  std::string_view service;
  int port;
};
constexpr StandardPort kStandardPorts[] = {
    {"smtp", 25},  {"submission", 587}, {"submissions", 465}, {"imap", 143}, {"imaps", 993},
    {"pop3", 110}, {"pop3s", 995},      {"http", 80},         {"https", 443}};

Outcome<std::string> choose_hostname(const InitOptions& options) {
  const std::string name =
      options.hostname.empty() ? own_hostname() : ascii_lower(options.hostname);
  if (supervisor::is_host_name(name)) return name;
  return usage(
      fmt::format("host name \"{}\": not a fully qualified host name; give one with "
                  "--hostname mail.example.org",
                  escape_for_log(name)));
}

// On the standard ports a server is there for the network; on others it is a trial on loopback.
std::vector<std::string> choose_addresses(const InitOptions& options) {
  if (!options.bind.empty()) return options.bind;
  return {options.port_base == 0 ? "0.0.0.0" : "127.0.0.1"};
}

Outcome<std::vector<supervisor::ListenerSettings>> make_listeners(const InitOptions& options) {
  std::vector<supervisor::ListenerSettings> out;
  for (const StandardPort& standard : kStandardPorts) {
    for (const std::string& address : choose_addresses(options)) {
      const bool v6 = address.find(':') != std::string::npos;
      const std::string endpoint = fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), address,
                                               options.port_base + standard.port);
      auto listener = supervisor::parse_endpoint(standard.service, endpoint);
      if (!listener) return usage(std::move(listener).error().within("--bind").text);
      out.push_back(std::move(*listener));
    }
  }
  return out;
}

// The certificate's names: the host's own, and on a trial what a client on this machine types.
Result<> write_certificate(const std::string& root, const std::string& hostname,
                           const std::vector<std::string>& addresses) {
  tls::SelfSignedRequest request;
  request.host_name = hostname;
  if (hostname != "localhost") request.other_names.emplace_back("localhost");
  request.addresses = {"127.0.0.1", "::1"};
  for (const std::string& address : addresses) {
    if (address != "0.0.0.0" && address != "::" && address != "127.0.0.1" && address != "::1") {
      request.addresses.push_back(address);
    }
  }
  TRY_ASSIGN(const tls::CertificatePair pair, tls::make_self_signed(request));
  const std::string folder = root + "/tls";
  if (::mkdir(folder.c_str(), 0700) != 0) return fail(errno_error(folder));
  TRY(write_new_file(fmt::format("{}/{}", root, kCertificateFile), pair.certificate_pem, 0644));
  return write_new_file(fmt::format("{}/{}", root, kKeyFile), pair.key_pem.reveal());
}

// What a server is started with.
struct NewServer {
  std::string root;
  std::string settings_file;
  supervisor::ServerSettings settings;

  bool keeps_settings_itself() const {
    return settings_file == fmt::format("{}/{}", root, supervisor::kSettingsFile);
  }
};

Result<> fill(const std::string& draft, const InitOptions& options, const NewServer& server) {
  TRY(supervisor::create_data_root(draft));
  if (options.certificate.empty()) {
    TRY(write_certificate(draft, server.settings.hostname, choose_addresses(options)));
  }
  if (!server.keeps_settings_itself()) return {};
  return supervisor::write_initial_settings(draft, server.settings);
}

// True: a data root that only lacks its settings. False: nothing there yet.
Outcome<bool> look_at_root(const NewServer& server) {
  const std::string& root = server.root;
  std::error_code code;
  if (fs::exists(server.settings_file, code)) {
    return refused(ErrorCode::kExists,
                   fmt::format("{}: is there already; edit it, or remove it to begin again",
                               server.settings_file));
  }
  if (!fs::exists(root, code)) return false;
  if (fs::is_directory(root, code) && fs::is_empty(root, code)) return false;
  if (!supervisor::check_data_root(root)) {
    return refused(ErrorCode::kExists,
                   fmt::format("{}: holds something else; name an empty or new folder with --data "
                               "DIR",
                               root));
  }
  if (!server.keeps_settings_itself() &&
      !fs::exists(fmt::format("{}/{}", root, supervisor::kSettingsFile), code)) {
    return true;
  }
  return refused(ErrorCode::kExists,
                 fmt::format("{}: is a data root already; edit its {}, or name another folder "
                             "with --data DIR",
                             root, supervisor::kSettingsFile));
}

Outcome<> create_root(const InitOptions& options, const NewServer& server) {
  const std::string& root = server.root;
  std::error_code code;
  fs::create_directories(fs::path(root).parent_path(), code);
  if (code) return refused(errno_error(fmt::format("making the parent of {}", root), code.value()));
  const std::string draft = fmt::format("{}.init-{:08x}", root, random_u64() & 0xffffffffU);
  auto made = fill(draft, options, server);
  if (made && ::rename(draft.c_str(), root.c_str()) != 0) made = fail(errno_error(root));
  if (made) made = sync_folder(fs::path(root).parent_path().string());
  if (made) return {};
  fs::remove_all(draft, code);
  return refused(std::move(made).error().within(fmt::format("making {}", root)));
}

Result<> create_settings(const InitOptions& options, const NewServer& server, bool root_was_there) {
  std::error_code code;
  if (root_was_there && options.certificate.empty() &&
      !fs::exists(fmt::format("{}/{}", server.root, kCertificateFile), code)) {
    TRY(write_certificate(server.root, server.settings.hostname, choose_addresses(options)));
  }
  fs::create_directories(fs::path(server.settings_file).parent_path(), code);
  if (code) return fail(errno_error(server.settings_file, code.value()));
  return supervisor::write_settings_file(server.settings_file, server.settings);
}

void report_setup(Context& context, const NewServer& server) {
  Json listeners = Json::object();
  for (const auto& listener : server.settings.listeners) {
    listeners[listener.service].push_back(listener.endpoint());
  }
  const std::string certificate =
      (fs::path(server.root) / server.settings.certificate_file).string();
  context.print({{"data_root", server.root},
                 {"hostname", server.settings.hostname},
                 {"settings_file", server.settings_file},
                 {"certificate_file", certificate},
                 {"users", server.settings.users.switching},
                 {"listeners", listeners}});
  context.say(fmt::format("Data root {} for {} is ready. Settings: {}. Certificate: {}.",
                          server.root, server.settings.hostname, server.settings_file,
                          certificate));
  const bool found = supervisor::default_settings_file(server.root) == server.settings_file;
  context.say(fmt::format("Next: hauspostd --data {}{}", server.root,
                          found ? "" : " --config " + server.settings_file));
}

// The package's own data root is for its users; any other is only when that is asked for, as they
// may have no way to it.
Outcome<supervisor::UserNames> choose_users(const InitOptions& options, const NewServer& server) {
  const bool by_itself = server.root == supervisor::kSystemDataRoot && ::geteuid() == 0;
  if (!options.users && !by_itself) return supervisor::UserNames();
  const supervisor::UserNames names = supervisor::standard_users();
  const auto found = supervisor::find_users(names);
  if (found) return names;
  if (!options.users) return supervisor::UserNames();
  Error error = found.error();
  return refused(std::move(error).within("--users: the package makes them"));
}

Outcome<NewServer> create_server(Context& context, const InitOptions& options) {
  if (options.port_base != 0 &&
      (options.port_base < kPortBaseMin || options.port_base > kPortBaseMax)) {
    return usage(fmt::format("--port-base {}: must be from {} to {}", options.port_base,
                             kPortBaseMin, kPortBaseMax));
  }
  if (options.certificate.empty() != options.key.empty()) {
    return usage("--certificate and --key go together");
  }
  NewServer server;
  supervisor::ServerSettings& settings = server.settings;
  std::error_code code;
  TRY_ASSIGN(server.root, context.new_data_root());
  server.settings_file = options.config.empty() ? supervisor::default_settings_file(server.root)
                                                : fs::absolute(options.config, code).string();
  TRY_ASSIGN(const bool root_there, look_at_root(server));
  TRY_ASSIGN(settings.hostname, choose_hostname(options));
  TRY_ASSIGN(settings.listeners, make_listeners(options));
  settings.certificate_file = options.certificate.empty()
                                  ? std::string(kCertificateFile)
                                  : fs::absolute(options.certificate, code).string();
  settings.key_file =
      options.key.empty() ? std::string(kKeyFile) : fs::absolute(options.key, code).string();
  for (const std::string& file : {options.certificate, options.key}) {
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0) {
      return refused(errno_error(file));
    }
  }
  TRY_ASSIGN(settings.users, choose_users(options, server));
  if (!root_there) TRY(create_root(options, server));
  if (!server.keeps_settings_itself()) {
    auto made = create_settings(options, server, root_there);
    if (!made) return refused(std::move(made).error().within("writing the settings"));
  }
  return server;
}

Outcome<> run_init(Context& context, InitOptions& options) {
  TRY_ASSIGN(const NewServer server, create_server(context, options));
  report_setup(context, server);
  return {};
}

}  // namespace

std::string own_hostname() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  std::string out = name;
  if (out.find('.') == std::string::npos && ::getaddrinfo(name, nullptr, &hints, &found) == 0) {
    if (found->ai_canonname != nullptr) out = found->ai_canonname;
    ::freeaddrinfo(found);
  }
  return ascii_lower(out);
}

Outcome<> make_server(Context& context, const InitOptions& options) {
  TRY(create_server(context, options));
  return {};
}

void add_init_command(CLI::App& app, Verb& chosen) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* verb = add_verb<InitOptions>(
      app, "init", "Make a new data root: settings, marker, self-signed certificate", chosen,
      options, run_init);
  verb->add_flag("--users", options->users,
                 "Have each role run as its own Unix user: hauspost-auth, hauspost-frontend, ..., "
                 "group hauspost (by itself when root makes /var/lib/hauspost and they exist)");
  verb->add_option("--config", options->config,
                   "Write the settings here (default: DATA/hauspost.toml; for /var/lib/hauspost "
                   "where the package is installed: /etc/hauspost/hauspost.toml)")
      ->type_name("FILE");
  verb->add_option("--hostname", options->hostname,
                   "Full name of this server, for greetings and the certificate (default: this "
                   "machine's)");
  auto* base = verb->add_option("--port-base", options->port_base,
                                "Listen on N+25, N+587, N+465, N+143, N+993, N+110, N+995, N+80, "
                                "N+443, on 127.0.0.1 unless --bind says otherwise");
  base->type_name("N");
  verb->add_flag("--standard-ports", options->standard_ports,
                 "Listen on 25, 587, 465, 143, 993, 110, 995, 80, 443 on all addresses (the "
                 "default)")
      ->excludes(base);
  verb->add_option("--bind", options->bind, "Address to listen on; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  verb->add_option("--certificate", options->certificate,
                   "Use this PEM certificate chain instead of a self-signed one")
      ->type_name("FILE");
  verb->add_option("--key", options->key, "The certificate's PEM private key")->type_name("FILE");
}

}  // namespace hauspost::cli
