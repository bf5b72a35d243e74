(** Facts about blocks that rule *quadratic* multiplies and adds up: what they are, that they are true, and what a sum
    of them is worth.

    A sum is worth dot linear z + z' products z + charge; no fact makes it worth less. Spec: rules.md#quadratic. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps map_rules plans.
From Certify.rules Require Import difference matrices expressions expression_rules expression_blocks.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Functions of the checker *)

(** Multipliers in units of 2^-factor for each entry of a block, or for pairs of entries of two facts. *)
Inductive fact :=
| Fact (k : fact_name) (b : nat) (m : list Z)
| Product (k : fact_name) (b : nat) (e : list nat) (k' : fact_name) (b' : nat) (e' : list nat) (m : list Z).

(** A bound of |coefficients . z|. *)
Definition size (e : entry) : Z := total (map Z.abs (fst e)).

Section Bound.

Variable blocks : list block.
Variable bits : Z.
Variable bd : bounds.
Variable made : list (list entry).

(** ** Facts: their factors; the second is missing for the number 1 *)

Definition from_low (l : Z) (v : entry) : entry := (addl [- l] (fst v), snd v).
Definition to_high (h : Z) (v : entry) : entry := (axpy (-1) (fst v) [h], snd v).

Definition factors (k : fact_name) (b : nat) : list entry * option (list entry) :=
  let blk := nth b blocks no_block in
  let v := nth b made [] in
  let low := map2 from_low (low_of blocks bits bd b) v in
  let high := map2 to_high (high_of blocks bits bd b) v in
  match k with
  | FLower => (low, None)
  | FUpper => (high, None)
  | FRange => (low, Some high)
  | FAbove | FComplement =>
      match bk_kind blk with
      | KRelu s =>
          let over := map2 minus v (nth s made []) in
          match k with FAbove => (over, None) | _ => (v, Some over) end
      | _ => ([], None)
      end
  | FSlope | FCrossFine | FCrossCoarse =>
      match bk_kind blk with
      | KPairRelu u w sigma _ x y =>
          let u := nth u made [] in
          let w := entries_of sigma (nth w made []) in
          let z := nth x made [] in
          let y := entries_of sigma (nth y made []) in
          match k with
          | FSlope => let d := map2 minus u w in (d, Some (map2 minus (map2 minus z y) d))
          | FCrossFine => (w, Some (map2 minus u z))
          | _ => (u, Some (map2 minus w y))
          end
      | _ => ([], None)
      end
  end.

Definition is_free (k : fact_name) : bool := match k with FComplement => true | _ => false end.

(** ** The sum of the facts: linear part and charge in units of 2^-(2 bits + factor), and the products *)

Record sums := { sm_linear : list Z; sm_charge : Z; sm_products : list (list Z) }.

Definition add_linear (m : Z) (p : entry) (s : sums) : sums :=
  let k := Z.shiftl m bits in
  {| sm_linear := axpy k (fst p) (sm_linear s); sm_charge := sm_charge s + Z.abs k * snd p;
     sm_products := sm_products s |}.

Definition add_product (m : Z) (p r : entry) (s : sums) : sums :=
  let lost := size p * snd r + snd p * size r + snd p * snd r in
  {| sm_linear := sm_linear s; sm_charge := sm_charge s + Z.abs m * lost;
     sm_products := add_outer (map (Z.mul m) (fst p)) (fst r) (sm_products s) |}.

Fixpoint add_linears (ms : list Z) (ps : list entry) (s : sums) : sums :=
  match ms, ps with
  | m :: ms', p :: ps' => add_linears ms' ps' (if m =? 0 then s else add_linear m p s)
  | _, _ => s
  end.
Fixpoint add_products (ms : list Z) (ps rs : list entry) (s : sums) : sums :=
  match ms, ps, rs with
  | m :: ms', p :: ps', r :: rs' => add_products ms' ps' rs' (if m =? 0 then s else add_product m p r s)
  | _, _, _ => s
  end.

Definition add_fact (s : sums) (f : fact) : sums :=
  match f with
  | Fact k b ms =>
      let ms := if is_free k then ms else map pospart ms in
      match factors k b with
      | (ps, None) => add_linears ms ps s
      | (ps, Some rs) => add_products ms ps rs s
      end
  | Product k b e k' b' e' ms =>
      let at_ (k : fact_name) b e :=
        match factors k b with
        | (ps, None) => map (fun i => nth i ps no_entry) e
        | _ => []
        end in
      add_products (map pospart ms) (at_ k b e) (at_ k' b' e') s
  end.

End Bound.

(** ** Sums grow by facts *)

Open Scope R_scope.

Section Sums.
Variable t : list R.
Hypothesis small : Forall (fun x => Rabs x <= 1) t.
Let z := 1 :: t.

Definition worth (s : sums) : R := dot (sm_linear s) z + bilinear (sm_products s) z z + IZR (sm_charge s).

Lemma add_linear_worth bits m p s x : tells z p x ->
  worth s + IZR (Z.shiftl m bits) * x <= worth (add_linear bits m p s).
Proof.
  intros T. unfold worth, add_linear, tells in *; simpl. set (k := Z.shiftl m bits).
  rewrite dot_axpy, plus_IZR, mult_IZR, abs_IZR.
  assert (H : IZR k * (x - dot (fst p) z) <= Rabs (IZR k) * IZR (snd p)).
  { eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos | exact T]. }
  lra.
Qed.

Lemma size_above : forall e v, Forall (fun x => Rabs x <= 1) v -> Rabs (dot e v) <= IZR (total (map Z.abs e)).
Proof.
  induction e as [|a e IH]; intros v V; [unfold dot; simpl; rewrite Rabs_R0; lra|].
  assert (P : 0 <= IZR (total (map Z.abs e))).
  { specialize (IH [] (Forall_nil _)). pose proof (Rabs_pos (dot e [])). lra. }
  simpl. rewrite plus_IZR, abs_IZR. fold (total (map Z.abs e)). pose proof (Rabs_pos (IZR a)).
  destruct V as [|x v X V]; [rewrite dot_nil_r, Rabs_R0; lra|].
  rewrite dot_cons. specialize (IH v V). eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
  assert (Rabs (IZR a) * Rabs x <= Rabs (IZR a) * 1) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Lemma z_small : Forall (fun x => Rabs x <= 1) z.
Proof. constructor; [rewrite Rabs_R1; lra | exact small]. Qed.

Lemma add_product_worth m p r s x y : tells z p x -> tells z r y ->
  worth s + IZR m * (x * y) <= worth (add_product m p r s).
Proof.
  intros P R. unfold worth, add_product, tells in *; simpl.
  rewrite bilinear_outer, dot_map_mul, plus_IZR, mult_IZR, !plus_IZR, !mult_IZR, abs_IZR.
  pose proof (size_above (fst p) z z_small) as A. pose proof (size_above (fst r) z z_small) as B.
  fold (size p) in A. fold (size r) in B.
  set (p' := dot (fst p) z) in *. set (r' := dot (fst r) z) in *.
  set (a := x - p') in *. set (b := y - r') in *.
  assert (H : Rabs (x * y - p' * r')
    <= IZR (size p) * IZR (snd r) + IZR (snd p) * IZR (size r) + IZR (snd p) * IZR (snd r)).
  { replace (x * y - p' * r') with (p' * b + a * r' + a * b) by (unfold a, b; ring).
    eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (p' * b) (a * r')).
    rewrite !Rabs_mult in *. pose proof (Rabs_pos p'). pose proof (Rabs_pos r').
    pose proof (Rabs_pos a). pose proof (Rabs_pos b).
    assert (Rabs p' * Rabs b <= IZR (size p) * IZR (snd r)) by (apply Rmult_le_compat; assumption).
    assert (Rabs a * Rabs r' <= IZR (snd p) * IZR (size r)) by (apply Rmult_le_compat; assumption).
    assert (Rabs a * Rabs b <= IZR (snd p) * IZR (snd r)) by (apply Rmult_le_compat; assumption). lra. }
  set (lost := _ + _ + _) in H |- *.
  assert (IZR m * (x * y - p' * r') <= Rabs (IZR m) * lost).
  { eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos | exact H]. }
  lra.
Qed.

(** Linear facts, and products, one after another. *)
Lemma add_linears_worth bits ps xs : told z ps xs -> forall ms s, (0 <= bits)%Z ->
  worth s + pow2 bits * dot ms xs <= worth (add_linears bits ms ps s).
Proof.
  induction 1 as [|p x ps xs P H IH]; intros ms s B.
  - destruct ms; simpl; rewrite dot_nil_r; lra.
  - destruct ms as [|m ms]; simpl; [unfold dot; simpl; lra|]. rewrite dot_cons.
    eapply Rle_trans; [|apply IH, B]. destruct (Z.eqb_spec m 0) as [-> | _]; [simpl; lra|].
    pose proof (add_linear_worth bits m p s x P) as W. rewrite shiftl_IZR in W by exact B. lra.
Qed.

Lemma add_products_worth ps xs : told z ps xs -> forall rs ys, told z rs ys -> forall ms s,
  (forall i, 0 <= IZR (nth i ms 0%Z) * (nth i xs 0 * nth i ys 0)) -> worth s <= worth (add_products ms ps rs s).
Proof.
  induction 1 as [|p x ps xs P H IH]; intros rs ys R ms s N; [destruct ms; simpl; lra|].
  destruct ms as [|m ms]; simpl; [lra|]. destruct R as [|r y rs ys R R']; [lra|].
  eapply Rle_trans; [|apply (IH _ _ R'); intros i; apply (N (S i))].
  specialize (N 0%nat). simpl in N. destruct (Z.eqb_spec m 0) as [_ | _]; [lra|].
  pose proof (add_product_worth m p r s x y P R). lra.
Qed.

End Sums.

(** ** Facts are true *)

Definition nonnegative (v : list R) : Prop := forall i, 0 <= nth i v 0.

Lemma nonnegative_forall v : Forall (fun x => 0 <= x) v -> nonnegative v.
Proof. intros H i. revert i. induction H; intros [|i]; simpl; try lra; auto. Qed.

Lemma nth_minus i : forall a b, length a = length b -> nth i (map2 Rminus a b) 0 = nth i a 0 - nth i b 0.
Proof.
  induction i as [|i IH]; intros [|x a] [|y b] L; simpl in *; try discriminate; try lra. apply IH. lia.
Qed.

Lemma nth_relu i v : nth i (map relu v) 0 = relu (nth i v 0).
Proof. rewrite <- relu_0 at 1. apply map_nth. Qed.

Lemma relu_facts x : 0 <= relu x /\ 0 <= relu x - x /\ relu x * (relu x - x) = 0.
Proof. unfold relu, Rmax. destruct (Rle_dec x 0); lra. Qed.

Lemma relu_slope x y : 0 <= (relu x - relu y) * ((x - y) - (relu x - relu y)).
Proof.
  unfold relu, Rmax. destruct (Rle_dec x 0), (Rle_dec y 0); try lra.
  - replace ((0 - y) * (x - y - (0 - y))) with (y * - x) by ring. apply Rmult_le_pos; lra.
  - replace ((x - 0) * (x - y - (x - 0))) with (x * - y) by ring. apply Rmult_le_pos; lra.
Qed.

Section Facts.
Variables (region : option ball) (blocks : list block) (vals : list (list R)) (bd : bounds) (bits : Z).
Variable made : list (list entry).
Variable t : list R.
Let z := 1 :: t.
Let real := real blocks vals bits.
Hypothesis plan : plan_means region blocks vals.
Hypothesis hold : bounds_hold bd vals.
Hypothesis all : length (bd_lo bd) = length blocks.
Hypothesis agree : forallb (scales_agree blocks) blocks = true.
Hypothesis says : forall b, told z (nth b made []) (real b).

(** v - lo and hi - v. *)
Lemma lows_told : forall lo hi vs, within lo hi vs -> forall es, told z es vs ->
  exists xs, told z (map2 from_low lo es) xs /\ Forall (fun x => 0 <= x) xs /\ length xs = length vs.
Proof.
  induction 1 as [|l h v lo hi vs B W IH]; intros es T; inversion T as [|e v' es' vs' E T' E1 E2]; subst.
  - exists []. repeat constructor.
  - destruct (IH _ T') as (xs & T0 & P & L). exists ((v - IZR l) :: xs). simpl. split; [constructor; [|exact T0]|].
    + unfold tells, from_low in *; cbn [fst snd]. rewrite dot_addl. unfold z at 1. rewrite dot_cons.
      unfold dot at 1; simpl dotR. rewrite opp_IZR.
      replace (v - IZR l - (- IZR l * 1 + 0 + dot (fst e) z)) with (v - dot (fst e) z) by ring. exact E.
    + split; [constructor; [lra | exact P] | rewrite L; reflexivity].
Qed.

Lemma highs_told : forall lo hi vs, within lo hi vs -> forall es, told z es vs ->
  exists xs, told z (map2 to_high hi es) xs /\ Forall (fun x => 0 <= x) xs /\ length xs = length vs.
Proof.
  induction 1 as [|l h v lo hi vs B W IH]; intros es T; inversion T as [|e v' es' vs' E T' E1 E2]; subst.
  - exists []. repeat constructor.
  - destruct (IH _ T') as (xs & T0 & P & L). exists ((IZR h - v) :: xs). simpl. split; [constructor; [|exact T0]|].
    + unfold tells, to_high in *; cbn [fst snd]. rewrite dot_axpy. unfold z at 2. rewrite dot_cons.
      unfold dot at 2; simpl dotR.
      replace (IZR h - v - (-1 * dot (fst e) z + (IZR h * 1 + 0))) with (- (v - dot (fst e) z)) by ring.
      rewrite Rabs_Ropp. exact E.
    + split; [constructor; [lra | exact P] | rewrite L; reflexivity].
Qed.

(** The values of a relu block and of its source. *)
Lemma relu_block b s : bk_kind (nth b blocks no_block) = KRelu s -> real b = map relu (real s).
Proof.
  intros K. assert (B : (b < length blocks)%nat).
  { destruct (Nat.lt_ge_cases b (length blocks)) as [L | L]; [exact L|]. rewrite nth_overflow in K by exact L.
    discriminate. }
  destruct plan as [_ PM]. destruct (PM b B) as (_ & _ & M). pose proof (scales blocks agree b B) as A.
  unfold scales_agree in A. rewrite K in *. apply Z.eqb_eq in A. apply real_relu; assumption.
Qed.

(** u, S w, z, S y of a difference of relus. *)
Lemma pair_block b u w sigma inner x y : bk_kind (nth b blocks no_block) = KPairRelu u w sigma inner x y ->
  real u = map relu (real x) /\ gathered sigma (real w) = map relu (gathered sigma (real y))
  /\ length (real u) = length (gathered sigma (real w)).
Proof.
  intros K. assert (B : (b < length blocks)%nat).
  { destruct (Nat.lt_ge_cases b (length blocks)) as [L | L]; [exact L|]. rewrite nth_overflow in K by exact L.
    discriminate. }
  destruct (real_pair region blocks vals bits plan agree b u w sigma B) as (_ & L1 & L2);
    [unfold pair_of; rewrite K; reflexivity|].
  destruct plan as [_ PM]. destruct (PM b B) as (_ & _ & M). pose proof (scales blocks agree b B) as A.
  unfold scales_agree in A. rewrite K in *. repeat (apply andb_prop in A as [A ?]).
  repeat match goal with H : (_ =? _)%Z = true |- _ => apply Z.eqb_eq in H end.
  destruct M as (_ & U & W & _). unfold real. repeat split.
  - apply real_relu; assumption.
  - rewrite <- gathered_relu. f_equal. apply real_relu; [congruence | exact W].
  - rewrite L1, L2. reflexivity.
Qed.

(** What a fact's factors tell. *)
Theorem factors_hold k b :
  match factors blocks bits bd made k b with
  | (ps, None) => exists xs, told z ps xs /\ nonnegative xs /\ (is_free k = true -> ps = [])
  | (ps, Some rs) => exists xs ys, told z ps xs /\ told z rs ys
      /\ forall i, if is_free k then nth i xs 0 * nth i ys 0 = 0 else 0 <= nth i xs 0 * nth i ys 0
  end.
Proof.
  assert (LO := lows_told _ _ _ (real_within region blocks vals bd bits plan hold all b) _ (says b)).
  assert (HI := highs_told _ _ _ (real_within region blocks vals bd bits plan hold all b) _ (says b)).
  destruct LO as (xs & TX & PX & LX), HI as (ys & TY & PY & LY).
  apply nonnegative_forall in PX, PY.
  assert (NO : exists xs, told z [] xs /\ nonnegative xs /\ (is_free k = true -> @nil entry = [])).
  { exists []. split; [constructor|]. split; [|reflexivity]. intros [|i]; simpl; lra. }
  unfold factors. destruct k; simpl is_free in *.
  - exists xs. split; [exact TX|]. split; [exact PX | discriminate].
  - exists ys. split; [exact TY|]. split; [exact PY | discriminate].
  - exists xs, ys. split; [exact TX|]. split; [exact TY|]. intros i. apply Rmult_le_pos; [apply PX | apply PY].
  - destruct (bk_kind (nth b blocks no_block)) eqn:K; try exact NO. pose proof (relu_block b source K) as V.
    exists (map2 Rminus (real b) (real source)). split; [apply told_minus; apply says|]. split; [|discriminate].
    intros i. rewrite nth_minus by (rewrite V; apply map_length). rewrite V, nth_relu. apply relu_facts.
  - destruct (bk_kind (nth b blocks no_block)) eqn:K; try exact NO. pose proof (relu_block b source K) as V.
    exists (real b), (map2 Rminus (real b) (real source)). split; [apply says|].
    split; [apply told_minus; apply says|].
    intros i. rewrite nth_minus by (rewrite V; apply map_length). rewrite V, nth_relu. apply relu_facts.
  - destruct (bk_kind (nth b blocks no_block)) eqn:K; try exact NO.
    destruct (pair_block _ _ _ _ _ _ _ K) as (U & W & L).
    assert (L' : length (real x) = length (gathered sigma (real y))) by (rewrite U, W, !map_length in L; exact L).
    exists (map2 Rminus (real u) (gathered sigma (real w))).
    exists (map2 Rminus (map2 Rminus (real x) (gathered sigma (real y)))
              (map2 Rminus (real u) (gathered sigma (real w)))).
    assert (TD : told z (map2 minus (nth u made []) (entries_of sigma (nth w made [])))
                   (map2 Rminus (real u) (gathered sigma (real w)))).
    { apply told_minus; [apply says | apply told_entries, says]. }
    split; [exact TD|].
    split; [apply told_minus; [apply told_minus; [apply says | apply told_entries, says] | exact TD]|].
    intros i. assert (D : forall a c : list R, length a = length c -> length (map2 Rminus a c) = length a).
    { intros a c E. rewrite map_rules.map2_length. lia. }
    rewrite (nth_minus i (map2 Rminus (real x) _)), !nth_minus; try assumption.
    + rewrite U, W, !nth_relu. apply relu_slope.
    + rewrite !D by assumption. rewrite U. symmetry. apply map_length.
  - destruct (bk_kind (nth b blocks no_block)) eqn:K; try exact NO.
    destruct (pair_block _ _ _ _ _ _ _ K) as (U & W & L).
    exists (gathered sigma (real w)), (map2 Rminus (real u) (real x)).
    split; [apply told_entries, says|]. split; [apply told_minus; apply says|]. intros i.
    rewrite nth_minus by (rewrite U; apply map_length). rewrite U, W, !nth_relu. apply Rmult_le_pos; apply relu_facts.
  - destruct (bk_kind (nth b blocks no_block)) eqn:K; try exact NO.
    destruct (pair_block _ _ _ _ _ _ _ K) as (U & W & L).
    exists (real u), (map2 Rminus (gathered sigma (real w)) (gathered sigma (real y))).
    split; [apply says|]. split; [apply told_minus; apply told_entries, says|]. intros i.
    rewrite nth_minus by (rewrite W; apply map_length). rewrite U, W, !nth_relu. apply Rmult_le_pos; apply relu_facts.
Qed.

Hypothesis small : Forall (fun x => Rabs x <= 1) t.
Hypothesis fine : (0 <= bits)%Z.

Lemma nth_pospart ms i : nth i (map pospart ms) 0%Z = pospart (nth i ms 0%Z).
Proof. change 0%Z with (pospart 0) at 1. apply map_nth. Qed.

Lemma pospart_nonneg m : 0 <= IZR (pospart m).
Proof. apply IZR_le. unfold pospart. lia. Qed.

Lemma dot_pospart ms : forall xs, nonnegative xs -> 0 <= dot (map pospart ms) xs.
Proof.
  induction ms as [|m ms IH]; intros [|x xs] P; simpl; rewrite ?dot_nil_r; try (unfold dot; simpl; lra).
  rewrite dot_cons. pose proof (IH xs (fun i => P (S i))) as H.
  pose proof (Rmult_le_pos _ _ (pospart_nonneg m) (P 0%nat)) as H0. simpl in H0. lra.
Qed.

Lemma entries_told ps xs e : told z ps xs -> nonnegative xs ->
  told z (map (fun i => nth i ps no_entry) e) (map (fun i => nth i xs 0) e)
  /\ nonnegative (map (fun i => nth i xs 0) e).
Proof.
  intros T P. split.
  - induction e; simpl; constructor; [apply told_nth, T | assumption].
  - apply nonnegative_forall. induction e; simpl; constructor; [apply P | assumption].
Qed.

Lemma add_fact_worth f s : worth t s <= worth t (add_fact blocks bits bd made s f).
Proof.
  destruct f as [k b ms | k b e k' b' e' ms]; cbn [add_fact].
  - pose proof (factors_hold k b) as F. destruct (factors blocks bits bd made k b) as [ps [rs|]].
    + destruct F as (xs & ys & TX & TY & N). apply (add_products_worth t small ps xs TX rs ys TY). intros i.
      specialize (N i). destruct (is_free k); [rewrite N, Rmult_0_r; lra|].
      rewrite nth_pospart. apply Rmult_le_pos; [apply pospart_nonneg | exact N].
    + destruct F as (xs & TX & P & E). destruct (is_free k).
      * rewrite E by reflexivity. destruct ms; simpl; lra.
      * pose proof (add_linears_worth t bits ps xs TX (map pospart ms) s fine) as W.
        pose proof (Rmult_le_pos _ _ (Rlt_le _ _ (pow2_pos bits)) (dot_pospart ms xs P)). lra.
  - assert (SIDE : forall k b e, exists xs,
      told z (match factors blocks bits bd made k b with
              | (ps, None) => map (fun i => nth i ps no_entry) e
              | _ => []
              end) xs /\ nonnegative xs).
    { clear k b e k' b' e' ms. intros k b e. pose proof (factors_hold k b) as F.
      destruct (factors blocks bits bd made k b) as [ps [rs|]].
      - exists []. split; [constructor|]. intros [|i]; simpl; lra.
      - destruct F as (xs & TX & P & _). eexists. apply (entries_told ps xs e TX P). }
    destruct (SIDE k b e) as (xs & TX & PX), (SIDE k' b' e') as (ys & TY & PY).
    apply (add_products_worth t small _ xs TX _ ys TY). intros i. rewrite nth_pospart.
    apply Rmult_le_pos; [apply pospart_nonneg | apply Rmult_le_pos; [apply PX | apply PY]].
Qed.

Lemma add_facts_worth facts : forall s, worth t s <= worth t (fold_left (add_fact blocks bits bd made) facts s).
Proof.
  induction facts as [|f facts IH]; intros s; simpl; [lra|]. eapply Rle_trans; [apply add_fact_worth | apply IH].
Qed.

End Facts.
