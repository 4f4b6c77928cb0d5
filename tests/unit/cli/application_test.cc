#include "tools/cli/application.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/temp_folder.h"
#include "tools/cli/completion.h"

using namespace hauspost;
using namespace hauspost::cli;

namespace {

int run_words(std::vector<const char*> words) {
  words.insert(words.begin(), "hauspost");
  return run(static_cast<int>(words.size()), words.data());
}

struct Parsed {
  CLI::App app;
  GlobalOptions options;
  Verb chosen;
  Parsed() { build_application(app, options, chosen); }
};

}  // namespace

TEST_CASE("cli: a wrong command line ends with 2") {
  const auto words = GENERATE(values<std::vector<const char*>>({
      {},
      {"nonsense"},
      {"database"},
      {"database", "nonsense"},
      {"database", "create"},
      {"--data", "/nonexistent", "mailbox", "create"},
      {"mailbox", "set-password", "a@example.test", "--generate", "--password-stdin"},
      {"completion", "tcsh"},
      {"init", "--port-base", "10000", "--standard-ports"},
      {"help", "database", "nonsense"},
      {"database", "show", "\xff"},
      {"database", "backup", "DB1"},
      {"database", "restore", "/srv/backup"},
      {"database", "restore", "/srv/backup", "--name", "DB2", "--at", "1h", "--lsn", "7"},
      {"database", "restore", "/srv/backup", "--name", "DB2", "--recovery", "--attach", "DB1"},
      {"mailbox", "restore", "/srv/backup"},
      {"backup", "verify"},
  }));
  CHECK(run_words(words) == 2);
}

TEST_CASE("cli: help explains a verb, also behind global options") {
  CHECK(run_words({"help", "database", "remove"}) == 0);
  CHECK(run_words({"--data", "/nonexistent", "--json", "help", "database", "remove"}) == 0);
}

TEST_CASE("cli: global options may stand anywhere") {
  const auto words = GENERATE(values<std::vector<std::string>>({
      {"--json", "--yes", "database", "remove", "DB1"},
      {"database", "--json", "remove", "--yes", "DB1"},
      {"database", "remove", "DB1", "--json", "--yes"},
  }));
  Parsed parsed;
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  parsed.app.parse(reversed);
  CHECK(parsed.options.json);
  CHECK(parsed.options.yes);
  CHECK(parsed.chosen != nullptr);
}

TEST_CASE("cli: without a server it ends with 3, without a data root with 1 or 2") {
  const test::TempFolder folder;
  const std::string root = folder.path() + "/root";
  REQUIRE(run_words({"--data", root.c_str(), "status"}) == 1);
  REQUIRE(run_words({"--data", root.c_str(), "init", "--hostname", "mail.example.test",
                     "--port-base", "20000"}) == 0);
  CHECK(run_words({"--data", root.c_str(), "status"}) == 3);
}

TEST_CASE("cli init: a data root is made once, and no other folder is touched") {
  const test::TempFolder folder;
  const std::string root = folder.path() + "/a/b/root";
  const auto init = [&](const std::string& where) {
    return run_words({"--data", where.c_str(), "init", "--hostname", "mail.example.test",
                      "--port-base", "20000"});
  };
  REQUIRE(init(root) == 0);
  for (const char* file :
       {"hauspost.toml", "hauspost-root", "tls/certificate.pem", "tls/key.pem"}) {
    CHECK(std::filesystem::exists(root + "/" + file));
  }
  CHECK((std::filesystem::status(root + "/tls/key.pem").permissions() &
         std::filesystem::perms::all) == std::filesystem::perms(0600));
  CHECK(init(root) == 1);
  const std::string foreign = folder.path() + "/foreign";
  std::filesystem::create_directories(foreign);
  std::ofstream(foreign + "/file") << "mine";
  CHECK(init(foreign) == 1);
  // Nothing else stays beside them: neither drafts nor files in the foreign folder.
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path() + "/a/b"), {}) == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(foreign), {}) == 1);
}

TEST_CASE("cli init: an unusable choice leaves nothing behind") {
  const test::TempFolder folder;
  const std::string root = folder.path() + "/root";
  const auto extra = GENERATE(values<std::vector<const char*>>({
      {"--hostname", "-rf"},
      {"--hostname", "mail.example.test", "--port-base", "80"},
      {"--hostname", "mail.example.test", "--port-base", "65000"},
      {"--hostname", "mail.example.test", "--bind", "not-an-address"},
      {"--hostname", "mail.example.test", "--certificate", "/dev/null"},
      {"--hostname", "mail.example.test", "--certificate", "/nonexistent", "--key", "/nonexistent"},
  }));
  std::vector<const char*> words{"--data", root.c_str(), "init"};
  words.insert(words.end(), extra.begin(), extra.end());
  CHECK(run_words(words) != 0);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("cli completion: every verb of the tree is in every shell's script") {
  Parsed parsed;
  for (const std::string& script :
       {bash_completion(parsed.app), zsh_completion(parsed.app), fish_completion(parsed.app)}) {
    for (const char* word :
         {"database", "dismount", "client-settings", "set-password", "generate"}) {
      CHECK_THAT(script, Catch::Contains(word));
    }
  }
}
