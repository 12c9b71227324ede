//! `warn.cluster`, `warn.sql`: what is destructive, far away, and often meant.
//!
//! `pulumi destroy` is not among them: it asks by itself, and nobody has asked for it.

use crate::model::guard::options::{self, Grammar};
use crate::model::guard::policy::Effect;
use crate::model::guard::reading::{Call, Reading};
use crate::model::guard::value::Value;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "warn.cluster",
        effect: Effect::Warn,
        title: "kubectl delete, helm uninstall, terraform destroy",
        instead: "look first: `kubectl get pods`, `helm list`, `terraform plan -destroy`",
        verbs: &[],
        finds: &[
            "kubectl delete pod x",
            "kubectl -n prod delete deployment x",
            "kubectl --namespace prod delete pod x",
            "kubectl --context=c --kubeconfig k delete ns x",
            "kubectl -v 6 delete -f x.yaml",
            "/usr/local/bin/kubectl delete pod x",
            "oc delete project x",
            "k3s kubectl delete pod x",
            "helm uninstall x",
            "helm -n prod uninstall x",
            "helm delete x",
            "helm un x",
            "terraform destroy",
            "terraform destroy -auto-approve",
            "terraform -chdir=infra destroy",
            "terraform apply -destroy",
            "terraform apply -auto-approve --destroy",
            "tofu destroy",
            "terragrunt run-all destroy",
        ],
        passes: &[
            "kubectl get pods",
            "kubectl -n delete get pods",
            "kubectl describe pod delete",
            "kubectl delete pod x --dry-run=client",
            "kubectl delete --help",
            "kubectl apply -f delete.yaml",
            "kubectl exec x -- ls",
            "helm list",
            "helm install delete ./chart",
            "helm uninstall x --dry-run",
            "helm history uninstall",
            "terraform plan -destroy",
            "terraform -chdir=infra plan -destroy",
            "terraform apply",
            "terraform fmt destroy.tf",
            "terraform destroy -help",
            "echo terraform destroy",
            "grep -r 'kubectl delete' docs",
            "git commit -m 'helm uninstall'",
        ],
    },
    Rule {
        id: "warn.sql",
        effect: Effect::Warn,
        title: "DROP TABLE, TRUNCATE, or DELETE of every row, handed to a database client",
        instead: "count first what would go, with a SELECT over the same WHERE; keep a dump",
        verbs: &[],
        finds: &[
            "psql -c 'DROP TABLE users'",
            "psql -c 'drop  table users;'",
            "psql --command='DROP TABLE users' db",
            "psql -c'DROP TABLE users'",
            "psql db -c 'SELECT 1; TRUNCATE TABLE users'",
            "psql -c 'TRUNCATE users'",
            "mysql -e 'DELETE FROM users WHERE 1=1'",
            "mysql -e 'delete from `users` where 1 = 1'",
            "mariadb db -e 'DROP TABLE IF EXISTS users'",
            "sqlite3 x.db 'DROP TABLE users'",
            "sqlite3 x.db 'DELETE FROM users WHERE true'",
            "sqlcmd -Q 'TRUNCATE TABLE users'",
            "clickhouse-client --query 'DROP TABLE x'",
            "duckdb x.db 'DROP/**/TABLE x'",
            "mysql -e \"DROP TABLE $TABLE\"",
            "cockroach sql -e 'DROP TABLE x'",
        ],
        passes: &[
            "psql -c 'SELECT * FROM users'",
            "psql -c 'DELETE FROM users WHERE id = 1'",
            "psql -c \"SELECT 'drop table x'\"",
            "psql -c 'SELECT 1 -- drop table x'",
            "psql -f drop_table.sql",
            "mysql -e 'CREATE TABLE drop_table (a int)'",
            "mysql -e 'ALTER TABLE x DROP COLUMN table_name'",
            "sqlite3 x.db .tables",
            "sqlite3 x.db 'SELECT truncate(1)'",
            "echo 'DROP TABLE users'",
            "grep -ri 'drop table' migrations",
            "git commit -m 'DROP TABLE users'",
            "printf 'DROP TABLE x;\\n' > migrations/1.sql",
            "psql -l",
            "mysql -e 'DELETE FROM users WHERE 1=10'",
        ],
    },
];

const KUBECTL: Grammar = Grammar::mix(
    "",
    &[
        "n,namespace=",
        "context=",
        "cluster=",
        "kubeconfig=",
        "user=",
        "as=",
        "as-group=",
        "as-uid=",
        "token=",
        "s,server=",
        "request-timeout=",
        "cache-dir=",
        "certificate-authority=",
        "client-certificate=",
        "client-key=",
        "tls-server-name=",
        "username=",
        "password=",
        "profile=",
        "profile-output=",
        "log-dir=",
        "log-file=",
        "v,v=",
        "f,filename=",
        "k,kustomize=",
        "l,selector=",
        "field-selector=",
        "o,output=",
        "grace-period=",
        "timeout=",
        "cascade?",
        "dry-run?",
        "h,help",
        "A,all-namespaces",
        "all",
        "force",
        "now",
        "R,recursive",
        "wait?",
        "ignore-not-found?",
        "kube-context=",
        "kube-apiserver=",
        "kube-as-user=",
        "kube-token=",
        "registry-config=",
        "repository-cache=",
        "repository-config=",
        "debug",
        "no-hooks",
        "keep-history",
        "description=",
    ],
);

const TERRAFORM: Grammar = Grammar::mix(
    "",
    &[
        "chdir=",
        "destroy?",
        "help,h",
        "version",
        "target=",
        "var=",
        "var-file=",
        "state=",
        "state-out=",
        "backup=",
        "parallelism=",
        "lock?",
        "lock-timeout=",
        "replace=",
        "auto-approve",
        "input?",
        "no-color",
        "refresh?",
        "working-dir=",
        "terragrunt-working-dir=",
    ],
)
.with_one_dash();

/// Programs that hand what they are given to a database.
const DATABASE_CLIENTS: &[&str] = &[
    "psql",
    "pgcli",
    "mysql",
    "mycli",
    "mariadb",
    "sqlite3",
    "sqlite",
    "litecli",
    "sqlcmd",
    "clickhouse-client",
    "clickhouse",
    "duckdb",
    "cockroach",
    "usql",
    "snowsql",
    "sqlplus",
    "isql",
    "tsql",
    "trino",
    "presto",
    "bq",
];

/// Holds a reading against them.
pub fn judge(reading: &Reading, _context: &Context<'_>, findings: &mut Vec<Finding>) {
    for call in &reading.calls {
        let Some(program) = call.program.as_deref() else { continue };
        if let Some(what) = cluster(program, call.args()) {
            findings.push(Finding { rule: "warn.cluster", reading: format!("{program} would {what}") });
        }
        if DATABASE_CLIENTS.contains(&program)
            && let Some(what) = statements(call)
        {
            findings.push(Finding { rule: "warn.sql", reading: format!("{program} is handed {what}") });
        }
    }
}

/// What it would do to a cluster or to what terraform has built.
fn cluster(program: &str, args: &[Value]) -> Option<&'static str> {
    let words = |grammar: &Grammar| {
        let parsed = options::read(grammar, args);
        let words: Vec<String> = parsed.operands.iter().map(|w| w.if_empty().into_owned()).collect();
        let dry = parsed.has("h")
            || parsed.has("help")
            || parsed
                .options
                .iter()
                .any(|o| o.name == "dry-run" && o.value().is_none_or(|v| v.known() != Some("none")));
        let destroys = parsed
            .options
            .iter()
            .any(|o| o.name == "destroy" && o.value().is_none_or(|v| !matches!(v.known(), Some("false" | "0"))));
        (words, dry, destroys)
    };
    let first = |words: &[String]| words.first().cloned().unwrap_or_default();
    match program {
        "kubectl" | "oc" | "kubecolor" => {
            let (words, dry, _) = words(&KUBECTL);
            (first(&words) == "delete" && !dry).then_some("delete from a cluster")
        }
        "k3s" | "microk8s" | "minikube" => {
            let (words, dry, _) = words(&KUBECTL);
            let is_kubectl = first(&words) == "kubectl";
            (is_kubectl && words.get(1).is_some_and(|w| w == "delete") && !dry).then_some("delete from a cluster")
        }
        "helm" => {
            let (words, dry, _) = words(&KUBECTL);
            let removes = matches!(first(&words).as_str(), "uninstall" | "delete" | "del" | "un");
            (removes && !dry).then_some("remove a release from a cluster")
        }
        "terraform" | "tofu" | "terragrunt" => {
            let (words, dry, destroys) = words(&TERRAFORM);
            let verb = match first(&words).as_str() {
                "run-all" | "run" | "stack" => words.get(1).cloned().unwrap_or_default(),
                other => other.to_owned(),
            };
            let found = matches!(verb.as_str(), "destroy" | "destroy-all") || (verb == "apply" && destroys);
            (found && !dry).then_some("destroy what it has built")
        }
        _ => None,
    }
}

/// The first of the statements in question among the arguments and the input.
fn statements(call: &Call) -> Option<&'static str> {
    let args = call.args().iter().map(|arg| {
        let text = arg.if_empty().into_owned();
        match text.strip_prefix('-') {
            Some(option) if option.starts_with('-') => {
                option.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default()
            }
            // The value of a short option may stand right behind it.
            Some(option) => option.chars().skip(1).collect(),
            None => text,
        }
    });
    let input = call.stdin.text.iter().map(|text| text.if_empty().into_owned());
    args.chain(input).find_map(|text| statement(&text))
}

fn statement(sql: &str) -> Option<&'static str> {
    let bare = without_comments_and_strings(sql);
    bare.split(';').find_map(|statement| {
        let words: Vec<String> = statement
            .split(|c: char| c.is_whitespace() || c == '(' || c == ')')
            .filter(|w| !w.is_empty())
            .map(str::to_uppercase)
            .collect();
        let pair = |a: &str, b: &str| words.windows(2).any(|w| matches!(w, [x, y] if x == a && y == b));
        if pair("DROP", "TABLE") {
            return Some("DROP TABLE");
        }
        if pair("TRUNCATE", "TABLE") || (words.first().is_some_and(|w| w == "TRUNCATE") && words.len() > 1) {
            return Some("TRUNCATE TABLE");
        }
        let deletes = pair("DELETE", "FROM");
        let condition: String = words.iter().skip_while(|w| *w != "WHERE").skip(1).map(String::as_str).collect();
        (deletes && matches!(condition.as_str(), "1=1" | "1" | "TRUE" | "''=''"))
            .then_some("DELETE FROM with a condition that is always true")
    })
}

/// SQL with a space for each comment and nothing between the quotes of its strings.
fn without_comments_and_strings(sql: &str) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let behind = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '\'' {
            out.push_str("''");
            rest = behind.split_once('\'').map_or("", |(_, behind)| behind);
        } else if rest.starts_with("--") {
            rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
        } else if rest.starts_with("/*") {
            out.push(' ');
            rest = rest.split_once("*/").map_or("", |(_, behind)| behind);
        } else {
            out.push(c);
            rest = behind;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_without_comments_and_strings() {
        for (sql, found) in [
            ("drop table x", true),
            ("DROP\n\tTABLE x", true),
            ("drop /* a */ table x", true),
            ("drop -- a\n table x", true),
            ("select 'it''s; drop table x'", false),
            ("-- drop table x\nselect 1", false),
            ("/* drop table x", false),
            ("insert into t values ('drop table')", false),
            ("select 1; truncate x", true),
            ("select truncate(1.5)", false),
            ("truncate", false),
            ("delete from x where 1=1", true),
            ("delete from x where (1 = 1);", true),
            ("delete from x where 'a'='a'", true),
            ("delete from x where a=1", false),
            ("delete from x where 1=1 and a=2", false),
            ("", false),
            ("'", false),
        ] {
            assert_eq!(statement(sql).is_some(), found, "{sql}");
        }
    }
}
