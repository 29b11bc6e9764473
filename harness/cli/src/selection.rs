//! Which instances of a plan are meant.

use crate::args::SelectionArgs;
use crate::failure::Failure;
use crate::filter::Filter;
use tcpconf_suite::{Instance, Level, Plan};

/// Applies --filter, --exclude, --level and --shard, in the plan's order.
pub(crate) fn select(plan: Plan, args: &SelectionArgs) -> Result<Vec<Instance>, Failure> {
    let wanted = filters(&args.filter)?;
    let unwanted = filters(&args.exclude)?;
    let weakest = args.level.map_or(Level::May, Level::from);
    let chosen = plan.instances.into_iter().filter(|instance| {
        instance.level <= weakest
            && (wanted.is_empty() || wanted.iter().any(|filter| filter.matches(instance)))
            && !unwanted.iter().any(|filter| filter.matches(instance))
    });
    let shard = args.shard;
    Ok(chosen
        .filter(|instance| shard.is_none_or(|shard| shard.holds(&instance.id)))
        .collect())
}

fn filters(texts: &[String]) -> Result<Vec<Filter>, Failure> {
    texts
        .iter()
        .map(|text| {
            Filter::parse(text).map_err(|error| Failure {
                help: error.help.clone(),
                ..Failure::usage(error.to_string())
            })
        })
        .collect()
}
